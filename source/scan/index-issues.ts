import type {Node, ObjectExpression} from '@oxc-project/types';
import type {ScanReport} from '../model/scan-report.ts';
import {hasSpread, nameOfKey, propertyOf, unwrap} from './code/nodes.ts';
import type {Query} from './evaluate/cost.ts';
import type {PrismaModelShape, PrismaModels} from './prisma-models.ts';
import {applicationIssue as issue} from './rules.ts';

type ApplicationIssue = ScanReport['application'][number];

/** Relations and filters of the schema that no index begins with. Whether one pays, only the server can say. */
export function indexIssues(models: PrismaModels | null, queries: readonly Query[]): ApplicationIssue[] {
  if (models === null) return [];
  const shapes = [...models.values()].filter(({isPostgres}) => isPostgres);
  return [...shapes.flatMap(relationsWithoutIndex), ...filtersWithoutIndex(models, queries)];
}

function relationsWithoutIndex(model: PrismaModelShape): ApplicationIssue[] {
  return [...model.fields.values()].flatMap(({relationFields, line}) => {
    if (relationFields.length === 0 || isIndexed(model, relationFields)) return [];
    const detail = `${model.name}: joins and deletes by (${relationFields.join(', ')}) read the whole table: @@index([${relationFields.join(', ')}])`;
    return [issue('relation-without-index', model.file, line, detail)];
  });
}

/** Whether an index begins with these fields, in any order. */
function isIndexed({indexes}: PrismaModelShape, fields: readonly string[]): boolean {
  return indexes.some(each => fields.every(field => each.slice(0, fields.length).includes(field)));
}

/**
 * Filters whose fields all lack an index, each once, where the code has it first. Not of findUnique and its kin: their filter
 * has a unique key, perhaps one of several fields by its own name.
 */
function filtersWithoutIndex(models: PrismaModels, queries: readonly Query[]): ApplicationIssue[] {
  const found = new Map<string, {fields: string[]; model: PrismaModelShape; files: Set<string>}>();
  for (const {model: name, operation, argument, site} of queries) {
    const model = name === null ? undefined : models.get(name);
    const options = argument && unwrap(argument);
    if (
      !model?.isPostgres ||
      options?.type !== 'ObjectExpression' ||
      /^create|upsert|^findUnique|^(?:update|delete)$/.test(operation)
    )
      continue;
    const where = propertyOf(options, 'where');
    const filter = where && unwrap(where);
    // What a spread adds may have an index.
    if (filter?.type === 'ObjectExpression' && hasSpread(filter)) continue;
    const fields = filter ? fieldsIn(filter) : [];
    const useful = fields.filter(each => isSelective(model, each));
    if (useful.length === 0 || fields.some(each => model.indexes.some(([first]) => first === each))) continue;
    const key = `${model.name}\0${useful.toSorted().join(',')}`;
    const known = found.get(key) ?? {fields: useful, model, files: new Set()};
    known.files.add(site.module.file);
    found.set(key, known);
  }
  return (
    [...found.values()]
      // What a relation lacks is said once.
      .filter(
        ({fields, model}) =>
          ![...model.fields.values()].some(
            ({relationFields}) =>
              relationFields.length > 0 && relationFields.every(each => fields.includes(each)),
          ),
      )
      .map(({fields, model, files}) => {
        const [first = '', ...more] = files;
        const places = more.length === 0 ? first : `${first} and ${more.length} more`;
        const detail = `${model.name} is filtered by ${fields.join(', ')} in ${places}, and no index begins with it: @@index([${fields.join(', ')}])`;
        return issue('filter-without-index', model.file, model.line, detail);
      })
  );
}

/** A flag selects too much for an index. */
function isSelective(model: PrismaModelShape, name: string): boolean {
  const field = model.fields.get(name);
  return field !== undefined && !field.isRelation && field.type !== 'Boolean';
}

const comparable = new Set(['equals', 'in', 'lt', 'lte', 'gt', 'gte', 'startsWith']);

/** Fields compared with AND; `contains` and `not` use no B-tree. */
function fieldsIn(where: Node): string[] {
  if (where.type === 'ArrayExpression')
    return where.elements.flatMap(each => (each === null ? [] : fieldsIn(unwrap(each))));
  if (where.type !== 'ObjectExpression') return [];
  return where.properties.flatMap(each => {
    if (each.type !== 'Property') return [];
    const name = nameOfKey(each.key, each.computed);
    const value = unwrap(each.value);
    if (name === 'AND') return fieldsIn(value);
    if (name === null || name === 'OR' || name === 'NOT') return [];
    return value.type !== 'ObjectExpression' || compares(value) ? [name] : [];
  });
}

function compares(filter: ObjectExpression): boolean {
  return filter.properties.some(
    each => each.type === 'Property' && comparable.has(nameOfKey(each.key, each.computed) ?? ''),
  );
}
