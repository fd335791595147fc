import type {ObjectExpression} from '@oxc-project/types';
import {hasSpread, nameOfKey, propertyOf, unwrap} from './code/nodes.ts';
import type {PrismaModelShape, PrismaModels} from './prisma-models.ts';

/** By `take`, or by values of a unique key, of all its fields; what a spread holds is unknown, so it may be. */
export function isLimited(options: ObjectExpression, shape: PrismaModelShape | undefined): boolean {
  if (hasSpread(options) || propertyOf(options, 'take') !== null) return true;
  const where = propertyOf(options, 'where');
  if (where === null) return false;
  if (where.type !== 'ObjectExpression') return false;
  const given = where.properties.flatMap(each =>
    each.type === 'Property' &&
    (each.value.type !== 'ObjectExpression' || propertyOf(each.value, 'in') !== null)
      ? (nameOfKey(each.key, each.computed) ?? [])
      : [],
  );
  return (
    given.some(name => shape?.fields.get(name)?.isUnique ?? name === 'id') ||
    (shape?.uniques ?? []).some(key => key.every(name => given.includes(name)))
  );
}

/** Lists of related rows without `take`, with how deep the query goes at that place. */
export function unboundedRelations(
  options: ObjectExpression,
  model: string,
  models: PrismaModels,
  level: number,
): {path: string; depth: number; isFiltered: boolean}[] {
  const fields = models.get(model)?.fields;
  const chosen = propertyOf(options, 'include') ?? propertyOf(options, 'select');
  if (fields === undefined || chosen?.type !== 'ObjectExpression') return [];
  return chosen.properties.flatMap(each => {
    if (each.type !== 'Property') return [];
    const name = nameOfKey(each.key, each.computed) ?? '';
    const field = fields.get(name);
    const value = unwrap(each.value);
    if (!field?.isRelation || (value.type === 'Literal' && value.value === false)) return [];
    const target = field.type.charAt(0).toLowerCase() + field.type.slice(1);
    const inner =
      value.type === 'ObjectExpression' ? unboundedRelations(value, target, models, level + 1) : [];
    const isOwn =
      field.isList &&
      (value.type === 'Literal' ||
        (value.type === 'ObjectExpression' && !isLimited(value, models.get(target))));
    const isFiltered = value.type === 'ObjectExpression' && propertyOf(value, 'where') !== null;
    const goesOn =
      value.type === 'ObjectExpression' && relationsIn(value, models.get(target)?.fields ?? new Map());
    return [
      ...(isOwn ? [{path: name, depth: goesOn ? level + 1 : level, isFiltered}] : []),
      ...inner.map(each => ({...each, path: `${name}.${each.path}`})),
    ];
  });
}

function relationsIn(options: ObjectExpression, fields: ReadonlyMap<string, {isRelation: boolean}>): boolean {
  const chosen = propertyOf(options, 'include') ?? propertyOf(options, 'select');
  return (
    chosen?.type === 'ObjectExpression' &&
    chosen.properties.some(
      each => each.type === 'Property' && fields.get(nameOfKey(each.key, each.computed) ?? '')?.isRelation,
    )
  );
}
