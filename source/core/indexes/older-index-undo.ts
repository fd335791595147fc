import type {SqlStep, Undo} from '../../model/step.ts';
import {isUnique} from './index-definition.ts';
import {buildGuard, dropGuard} from './index-guards.ts';

/**
 * Replaces the guard in the undo of an index step that an older poolctl journaled. Its guard knew the table by oid and the
 * index by name, but the statement takes a schema and a name, which are another index's
 * if the table was moved to another schema.
 */
export function sharpenOlderUndo(step: SqlStep, undo: Undo): Undo {
  const values = undo.guard?.query.values ?? [];
  if (undo.guard === undefined || undo.guard.query.text.includes('nspname')) return undo;
  const [table_oid] = values;
  if (typeof table_oid !== 'string') return undo;
  const [, index, onSchema, table] = built.exec(undo.apply.text) ?? [];
  if (index !== undefined && onSchema !== undefined && table !== undefined) {
    const place = {schema: named(onSchema), name: named(index), table: named(table), table_oid};
    return {...undo, guard: buildGuard(place)};
  }
  const [, schema, name] = dropped.exec(undo.apply.text) ?? [];
  if (schema === undefined || name === undefined) return undo;
  const place = {schema: named(schema), name: named(name), table: '', table_oid};
  const [, , oid, definition] = values;
  const [, , shape] = step.verify.query.values;
  const identity = {oid: textOrPin(oid), definition: textOrPin(definition)};
  return {
    ...undo,
    guard: dropGuard(
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

/** A value that the older guard did not have becomes an unknown pin, which is null. */
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
