import type {SqlStep, Undo} from '../../model/step.ts';
import {isUnique} from './index-definition.ts';
import {freeNameGuard, sameIndexGuard} from './index-guards.ts';

/**
 * The undo of an index step as an older poolctl journaled it, with a guard that knows the schema and what was made:
 * theirs knew the table by its oid and the index by its name, where the statement takes a schema and a name, which are
 * another table's when that one was moved.
 */
export function sharpenOlderUndo(step: SqlStep, undo: Undo): Undo {
  const values = undo.guard?.query.values ?? [];
  if (undo.guard === undefined || undo.guard.query.text.includes('nspname')) return undo;
  const [table_oid] = values;
  if (typeof table_oid !== 'string') return undo;
  const [, index, onSchema, table] = built.exec(undo.apply.text) ?? [];
  if (index !== undefined && onSchema !== undefined && table !== undefined) {
    const place = {schema: named(onSchema), name: named(index), table: named(table), table_oid};
    return {...undo, guard: freeNameGuard(place)};
  }
  const [, schema, name] = dropped.exec(undo.apply.text) ?? [];
  if (schema === undefined || name === undefined) return undo;
  const place = {schema: named(schema), name: named(name), table: '', table_oid};
  const [, , oid, definition] = values;
  const [, , shape] = step.verify.query.values;
  const identity = {oid: textOrPin(oid), definition: textOrPin(definition)};
  return {
    ...undo,
    guard: sameIndexGuard(
      place,
      identity,
      {},
      {
        shape: typeof shape === 'string' ? shape : null,
        is_unique: isUnique(step.apply.text),
      },
    ),
  };
}

/** What was not known then is a pin that no outcome tells: null. */
function textOrPin(value: unknown): string | {pin: string} {
  return typeof value === 'string' ? value : {pin: 'unknown'};
}

const identifier = '(?:"(?:[^"]|"")+"|[^\\s".(]+)';
const built = new RegExp(
  `^CREATE (?:UNIQUE )?INDEX CONCURRENTLY (${identifier}) ON (?:ONLY )?(${identifier})\\.(${identifier}) `,
);
const dropped = new RegExp(`^DROP INDEX CONCURRENTLY (${identifier})\\.(${identifier})$`);

function named(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}
