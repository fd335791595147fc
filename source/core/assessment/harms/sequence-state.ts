import type {Sample} from '../../../model/assessment.ts';
import type {SequenceUse} from '../../../model/server-facts.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {memoize} from '../../text/memoize.ts';
import type {Context} from '../context.ts';
import {changedTable} from '../locked-object.ts';

/** What rates are taken from; a Context is one. */
export type Readings = Pick<Context, 'samples' | 'facts'> & {
  snapshot: Pick<Snapshot, 'backends' | 'statements'> & {target: Pick<Snapshot['target'], 'is_in_recovery'>};
};

/** Something that cannot take a sequence's values beyond `max`. */
type SequenceLimit = {
  kind: 'sequence' | 'column' | 'referring';
  /** `readings.id (integer)`, `sequence readings_id_seq`. */
  name: string;
  max: bigint;
};

/** A sequence whose values only rise, with what limits it. */
export type SequenceState = {
  use: SequenceUse;
  /** The smallest limit first. */
  limits: SequenceLimit[];
  next: bigint;
  /** The value that nextval() returns next exceeds it: INSERT fails (22003, 2200H). */
  full: SequenceLimit | null;
  used_ratio: number;
};

/** null: it was never used, it goes down, or it begins again at its end. */
export function sequenceState(use: SequenceUse): SequenceState | null {
  const increment = BigInt(use.increment);
  if (use.last_value === null || increment <= 0n) return null;
  const limits = limitsOf(use);
  const [least] = limits;
  if (least === undefined) return null;
  const next = BigInt(use.last_value) + increment;
  if (use.is_cycled && least.kind === 'sequence') return null;
  return {use, limits, next, full: next > least.max ? least : null, used_ratio: use.used_ratio};
}

function limitsOf({schema, name, max_value, table, column_max, referring}: SequenceUse): SequenceLimit[] {
  const limits: SequenceLimit[] = [
    ...(table === null || column_max === null
      ? []
      : [
          {
            kind: 'column' as const,
            name: `${shortName(table)}.${table.column} (${table.type})`,
            max: BigInt(column_max),
          },
        ]),
    ...referring.map(({schema: of, table: from, column, type, column_max: max}) => ({
      kind: 'referring' as const,
      name: `${shortName({schema: of, name: from})}.${column} (${type})`,
      max: BigInt(max),
    })),
    {kind: 'sequence', name: `sequence ${shortName({schema, name})}`, max: BigInt(max_value)},
  ];
  // Sorting is stable: of equal limits the column is named.
  return limits.sort((a, b) => (a.max < b.max ? -1 : Number(a.max > b.max)));
}

/** `readings`, and `sales.readings` outside of public. */
export function shortName({schema, name}: {schema: string; name: string}): string {
  return schema === 'public' ? name : `${schema}.${name}`;
}

export function sequenceSubject({schema, name}: SequenceUse): string {
  return `sequence:${schema}.${name}`;
}

/** `readings.id (integer) cannot take its sequence's next value 2147483648`. */
export function describeFull({full, next, use}: SequenceState): string {
  if (full?.kind === 'sequence') return `${full.name} has no value left (last ${use.last_value})`;
  return full?.kind === 'referring'
    ? `${full.name} cannot take the next value ${next} of ${tableName(use)}`
    : `${full?.name} cannot take its sequence's next value ${next}`;
}

export function tableName({table, schema, name}: SequenceUse): string {
  return table === null ? shortName({schema, name}) : `${shortName(table)}.${table.column}`;
}

/** What refers to a full column and is as narrow as it. */
export function describeReferring({use, next}: SequenceState): string | null {
  const narrow = use.referring.filter(({column_max}) => next > BigInt(column_max));
  const [first] = narrow;
  if (first === undefined) return null;
  const more = narrow.length > 1 ? ` and ${narrow.length - 1} more` : '';
  return `${shortName({schema: first.schema, name: first.table})}.${first.column}${more} refers to it`;
}

/** Values that INSERTs take per second, by the rows they inserted since the first reading; null if that is not known. */
function valuesPerSecond({use}: SequenceState, context: Readings): number | null {
  const {table} = use;
  const {snapshot, samples} = context;
  const read = samples.filter(({statements}) => statements !== null);
  const [first, last] = [read[0], read.at(-1)];
  if (table === null || first === undefined || last === undefined) return null;
  const seconds = (last.at_ms - first.at_ms) / 1000;
  if (seconds < leastSeconds) return null;
  const inserting = snapshot.statements.filter(({query}) => insertsInto(query, table));
  if (inserting.length === 0) return null;
  const before = new Map(first.statements?.map(({id, rows}) => [id, rows]));
  const inserted = inserting.reduce((sum, {userid, dbid, queryid, toplevel, rows}) => {
    const earlier = before.get(`${userid}/${dbid}/${queryid}/${toplevel}`) ?? 0;
    return sum + Math.max(0, rows - earlier);
  }, 0);
  return inserted / seconds;
}

/** A rate over less would be of a burst. */
const leastSeconds = 10;

/** Whether a statement inserts into a table, named with its schema or without. */
export function insertsInto(query: string | null, {schema, name}: {schema: string; name: string}): boolean {
  const target = insertedTable(query ?? '');
  return target !== '' && (target === name || target === `${schema}.${name}`);
}

/** '' for none. Each reading asks the same texts again, for each sequence. */
const insertedTable = memoize(
  text => (/\binsert\s+into\b/i.test(text) ? (changedTable(text) ?? '') : ''),
  1000,
);

/** Time until the smallest limit, at the rate of the assessed time; null if no rate is known. */
export function untilFullMs(state: SequenceState, context: Readings): number | null {
  const rate = valuesPerSecond(state, context);
  const [least] = state.limits;
  if (rate === null || rate === 0 || least === undefined) return null;
  const left = (least.max - state.next) / BigInt(state.use.increment) + 1n;
  return (Number(left) / rate) * 1000;
}

/**
 * The facts are read once a minute. If rows were inserted since, at the end of the readings, the sequence has been fixed
 * meanwhile; what fails with a column that refers to it is another statement.
 */
export function isMended({use, full}: SequenceState, {samples, snapshot}: Readings): boolean {
  const {table} = use;
  if (full === null || full.kind === 'referring' || table === null) return false;
  const read = samples.filter(({statements}) => statements !== null);
  const last = read.at(-1);
  const before = read.findLast(({at_ms}) => at_ms <= (last?.at_ms ?? 0) - recentMs);
  if (last === undefined || before === undefined) return false;
  const rowsAt = (sample: Sample, id: string) => sample.statements?.find(each => each.id === id)?.rows ?? 0;
  return snapshot.statements
    .filter(({query}) => insertsInto(query, table))
    .map(({userid, dbid, queryid, toplevel}) => `${userid}/${dbid}/${queryid}/${toplevel}`)
    .some(id => rowsAt(last, id) > rowsAt(before, id));
}

const recentMs = 3000;

/** `in 9 days`, `in 3 h`. */
export function inTime(ms: number): string {
  const hours = ms / 3_600_000;
  if (hours < 1) return `in ${Math.max(1, Math.round(ms / 60_000))} min`;
  if (hours < 48) return `in ${Math.round(hours)} h`;
  const days = hours / 24;
  return days < 730 ? `in ${Math.round(days)} days` : `in ${Math.round(days / 365)} years`;
}
