import type {WideningColumn, WideningSequence} from '../../model/recipe-data.ts';
import type {Sql, SqlStep, Verification} from '../../model/step.ts';
import {quoteIdentifier} from '../sql/quote.ts';

/** The range of an integer type; undefined for another type. */
export const integerRange: Record<string, {least: bigint; most: bigint}> = {
  smallint: {least: -(2n ** 15n), most: 2n ** 15n - 1n},
  integer: {least: -(2n ** 31n), most: 2n ** 31n - 1n},
  bigint: {least: -(2n ** 63n), most: 2n ** 63n - 1n},
};

/** ALTER TYPE rewrites the table and its indexes; a low rate, so that the estimate is on the safe side. */
const rewrittenBytesPerSecond = 50 * 1024 * 1024;

/** The estimated time of an ACCESS EXCLUSIVE lock while that much is rewritten. */
export function rewriteMs(size_bytes: number): number {
  return Math.ceil((size_bytes / rewrittenBytesPerSecond) * 1000);
}

export function quotedTable({schema, table}: Pick<WideningColumn, 'schema' | 'table'>): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

export function quotedSequence({schema, name}: WideningSequence): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/**
 * Changes the type of one column to bigint; the undo changes it back while every value fits, and that of a referring column
 * only after the one it refers to.
 */
export function widenStep(
  column: WideningColumn,
  {max_lock_ms, refersTo}: {max_lock_ms: number; refersTo: WideningColumn | null},
): SqlStep {
  const {schema, table, column: name, type} = column;
  return {
    kind: 'sql',
    title: `widen ${schema}.${table}.${name} from ${type} to bigint`,
    subject: `table:${schema}.${table}`,
    guard: hasType(column, type),
    settings: {lock_timeout: lockTimeout},
    apply: alterType(column, 'bigint'),
    // ALTER TABLE takes names. If a name was reused since the guard, this check of the oid fails.
    proof: hasType(column, 'bigint'),
    undo: {
      apply: alterType(column, type),
      guard: fits(column, refersTo),
      settings: {lock_timeout: lockTimeout},
      proof: hasType(column, type),
      verify: hasType(column, type),
    },
    verify: hasType(column, 'bigint'),
    lock: 'exclusive',
    transaction: true,
    timeout_ms: max_lock_ms,
  };
}

/** Those that queue behind a waiting ALTER TABLE wait as long as it does. */
const lockTimeout = '2s';

function alterType(column: WideningColumn, type: string): Sql {
  return {
    text: `ALTER TABLE ${quotedTable(column)} ALTER COLUMN ${quoteIdentifier(column.column)} TYPE ${type}`,
    values: [],
  };
}

function identified({table_oid, schema, table, column, attnum}: WideningColumn): Sql['values'] {
  return [table_oid, schema, table, attnum, column];
}

const ofColumn =
  'FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE c.oid = $1::oid AND n.nspname = $2 AND c.relname = $3 AND a.attnum = $4::int4 AND a.attname = $5 AND NOT a.attisdropped';

function hasType(column: WideningColumn, type: string): Verification {
  return {
    query: {
      text: `SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) AS type ${ofColumn}`,
      values: identified(column),
    },
    expect: {column: 'type', op: '=', value: type},
  };
}

/** A value beyond the former type makes the change irreversible. */
function fits(column: WideningColumn, refersTo: WideningColumn | null): Verification {
  const {type} = column;
  const {least, most} = integerRange[type] ?? {least: 0n, most: 0n};
  const name = quoteIdentifier(column.column);
  const stays =
    refersTo === null
      ? ''
      : ` WHEN EXISTS (SELECT FROM pg_catalog.pg_attribute p WHERE p.attrelid = $6::oid AND p.attnum = $7::int4 AND p.atttypid = 'pg_catalog.int8'::pg_catalog.regtype) THEN 'it stays: the column that it refers to is still bigint'`;
  return {
    query: {
      text: `SELECT CASE WHEN NOT EXISTS (SELECT ${ofColumn} AND a.atttypid = 'pg_catalog.int8'::pg_catalog.regtype) THEN 'the column was changed since'${stays} WHEN (SELECT max(${name}) > ${most} OR min(${name}) < ${least} FROM ${quotedTable(column)}) THEN 'it cannot be undone any more: a value is beyond ${type}' ELSE 'fits' END AS guard`,
      values: [...identified(column), ...(refersTo === null ? [] : [refersTo.table_oid, refersTo.attnum])],
    },
    expect: {column: 'guard', op: '=', value: 'fits'},
  };
}

/** Lets a sequence go on to the end of bigint; the undo limits it again while its value fits. */
export function widenSequenceStep(sequence: WideningSequence): SqlStep {
  const {schema, name, type, max_value} = sequence;
  const before = {type, max: max_value, min: sequence.min_value};
  const after = {type: 'bigint', max: String(integerRange.bigint?.most), min: sequence.min_value};
  return {
    ...sequenceStep(sequence),
    title: `widen sequence ${schema}.${name} from ${type}, at most ${max_value}, to bigint`,
    guard: isSequence(sequence, before),
    apply: alterSequence(sequence, `AS bigint MAXVALUE ${after.max}`),
    proof: isSequence(sequence, after),
    undo: {
      apply: alterSequence(sequence, `AS ${type} MAXVALUE ${max_value}`),
      guard: isBelow(sequence, {...after, most: max_value}),
      settings: {lock_timeout: lockTimeout},
      proof: isSequence(sequence, before),
      verify: isSequence(sequence, before),
    },
    verify: isSequence(sequence, after),
  };
}

/** Lets a sequence begin again at the smallest value of its column: a stopgap. */
export function restartNegativeStep(sequence: WideningSequence, column: WideningColumn): SqlStep {
  const {schema, name, type, max_value, min_value} = sequence;
  const {least, most} = integerRange[column.type] ?? {least: 0n, most: 0n};
  const before = {type, max: max_value, min: min_value};
  const after = {...before, min: String(least)};
  // At its end the sequence returns no value that is in use, until the largest one is set.
  const end = BigInt(max_value) < most ? max_value : most;
  return {
    ...sequenceStep(sequence),
    title: `let sequence ${schema}.${name} go on at ${least}`,
    guard: {
      query: {
        text: `SELECT CASE WHEN NOT EXISTS (SELECT ${ofSequence}) THEN 'the sequence was changed since the preview' WHEN (SELECT min(${quoteIdentifier(column.column)}) < 0 FROM ${quotedTable(column)}) THEN 'negative values are in use already' ELSE 'free' END AS guard`,
        values: sequenceValues(sequence, before),
      },
      expect: {column: 'guard', op: '=', value: 'free'},
    },
    apply: alterSequence(sequence, `MINVALUE ${least} RESTART WITH ${least}`),
    proof: isSequence(sequence, after),
    undo: {
      apply: alterSequence(sequence, `MINVALUE ${min_value} RESTART WITH ${end}`),
      afterwards: [
        {
          text: `SELECT pg_catalog.setval($1::oid::pg_catalog.regclass, max(${quoteIdentifier(column.column)}), true) FROM ${quotedTable(column)} HAVING max(${quoteIdentifier(column.column)}) >= $2::int8`,
          values: [sequence.oid, min_value],
        },
      ],
      guard: isSequence(sequence, after),
      settings: {lock_timeout: lockTimeout},
      verify: isSequence(sequence, before),
    },
    verify: isSequence(sequence, after),
  };
}

function sequenceStep({
  schema,
  name,
}: WideningSequence): Pick<SqlStep, 'kind' | 'subject' | 'settings' | 'lock' | 'transaction' | 'timeout_ms'> {
  return {
    kind: 'sql',
    subject: `sequence:${schema}.${name}`,
    settings: {lock_timeout: lockTimeout},
    lock: 'exclusive',
    transaction: true,
    timeout_ms: 10_000,
  };
}

function alterSequence(sequence: WideningSequence, change: string): Sql {
  return {text: `ALTER SEQUENCE ${quotedSequence(sequence)} ${change}`, values: []};
}

type SequenceForm = {type: string; min: string; max: string};

const ofSequence =
  'FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE s.seqrelid = $1::oid AND n.nspname = $2 AND c.relname = $3 AND pg_catalog.format_type(s.seqtypid, NULL) = $4 AND s.seqmin = $5::int8 AND s.seqmax = $6::int8';

function sequenceValues(
  {oid, schema, name}: WideningSequence,
  {type, min, max}: SequenceForm,
): Sql['values'] {
  return [oid, schema, name, type, min, max];
}

function isSequence(sequence: WideningSequence, form: SequenceForm): Verification {
  return {
    query: {text: `SELECT count(*)::int4 AS matching ${ofSequence}`, values: sequenceValues(sequence, form)},
    expect: {column: 'matching', op: '=', value: 1},
  };
}

function isBelow(sequence: WideningSequence, {most, ...form}: SequenceForm & {most: string}): Verification {
  return {
    query: {
      text: `SELECT CASE WHEN NOT EXISTS (SELECT ${ofSequence}) THEN 'the sequence was changed since' WHEN pg_catalog.pg_sequence_last_value($1::oid) > $7::int8 THEN 'it cannot be undone any more: its value is beyond ' || $7::int8 ELSE 'fits' END AS guard`,
      values: [...sequenceValues(sequence, form), most],
    },
    expect: {column: 'guard', op: '=', value: 'fits'},
  };
}
