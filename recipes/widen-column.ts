import {usageError} from '../source/core/errors.ts';
import {thresholds} from '../source/core/health/thresholds.ts';
import {oneBatch} from '../source/core/recipe/one-batch.ts';
import {
  completeParams,
  readChoice,
  readDuration,
  readText,
  readValues,
} from '../source/core/recipe/parameters.ts';
import {
  integerRange,
  restartNegativeStep,
  rewriteMs,
  widenSequenceStep,
  widenStep,
} from '../source/core/server/widening.ts';
import {stagedAdvice} from '../source/core/server/widening-advice.ts';
import {formatBytes, formatCount} from '../source/core/text/format.ts';
import {writeDuration} from '../source/core/text/time.ts';
import type {Parameter, ParameterValues, Plan, Recipe} from '../source/model/recipe.ts';
import type {RecipeData, WideningColumn, WideningSequence} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';
import type {Step} from '../source/model/step.ts';

const parameters: Parameter[] = [
  {
    name: 'table',
    description: 'Table as name or schema.name',
    kind: 'text',
    default: '',
    is_required: true,
    suggest: (_, {sequences = []}) => [
      ...new Set(sequences.flatMap(({table}) => (table === null ? [] : `${table.schema}.${table.name}`))),
    ],
  },
  {
    name: 'column',
    description: 'Column filled from a sequence',
    kind: 'text',
    default: 'id',
  },
  {
    name: 'method',
    description:
      'widen: to bigint, with the columns that refer to it; staged: the SQL that locks nothing for long, as advice; negative: a stopgap, the sequence continues with negative values',
    kind: 'choice',
    choices: ['widen', 'staged', 'negative'],
    default: 'widen',
  },
  {
    name: 'max_lock',
    description:
      'Maximum time of the ACCESS EXCLUSIVE lock on a table; a longer estimate is refused, a longer step cancelled',
    kind: 'duration',
    default: writeDuration(thresholds.exclusive_lock_ms.warning),
  },
];

const recipe: Recipe = {
  id: 'widen-column',
  title: 'Widen an integer column to bigint',
  summary:
    'Changes an integer column, those that refer to it and its sequence to bigint if no table is locked for long; otherwise prints the SQL for a staged migration',
  parameters,
  diagnose: () => [],
  planRequires: ({table = '', column = ''}) => ({
    widening: {table: readText(table) ?? '', column: readText(column) ?? 'id'},
  }),
  plan,
};
export default recipe;

function plan(_: Snapshot, params: ParameterValues, {widening}: RecipeData): Plan {
  if (widening === undefined) throw usageError('the column could not be read');
  const read = readValues(params, parameters);
  const method = readChoice('method', read('method'), ['widen', 'staged', 'negative']);
  const max_lock_ms = readDuration('max_lock', read('max_lock'));
  const {columns, sequence} = widening;
  const [column] = columns;
  if (column === undefined)
    throw usageError(
      `${readText(read('table'))} has no column "${readText(read('column'))}"`,
      'name both: --set table=public.readings --set column=id',
    );
  if (integerRange[column.type] === undefined)
    throw usageError(`${nameOf(column)} is ${column.type}, not an integer`);
  const {steps, explanation} = {
    widen: () => widen(columns, sequence, max_lock_ms),
    staged: () => staged(columns, sequence),
    negative: () => negative(column, sequence),
  }[method]();
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation,
    figure: draw(columns),
    steps,
    skipped: [],
    ...oneBatch(steps),
    on_failure: 'stop',
  };
}

type Part = {steps: Step[]; explanation: string[]};

/** Columns that refer to it first, so that no value exists that they could not hold. */
function widen(
  columns: readonly WideningColumn[],
  sequence: WideningSequence | null,
  max_lock_ms: number,
): Part {
  const narrow = columns.filter(({type}) => type !== 'bigint' && integerRange[type] !== undefined);
  for (const column of narrow) refuseUnsafe(column, max_lock_ms);
  const [named] = columns;
  const limited = sequence !== null && sequence.max_value !== String(integerRange.bigint?.most);
  const steps = [
    ...narrow.toReversed().map(column => {
      const refersTo = column === named || named?.type === 'bigint' ? null : (named ?? null);
      return widenStep(column, {max_lock_ms, refersTo});
    }),
    ...(limited ? sequenceSteps(sequence, named) : []),
  ];
  if (steps.length === 0)
    return {steps, explanation: ['The column and its sequence are bigint already. Nothing to change.']};
  const total_ms = narrow.reduce((sum, {size_bytes}) => sum + rewriteMs(size_bytes), 0);
  return {
    steps,
    explanation: [
      ...(narrow.length === 0
        ? ['Only the sequence is too narrow. INSERT waits for milliseconds while it is changed.']
        : [
            `${narrow.map(nameOf).join(', ')} ${narrow.length === 1 ? 'becomes' : 'become'} bigint. Each table is rewritten under an ACCESS EXCLUSIVE lock: its reads and writes wait, ${formatSeconds(total_ms)} altogether by estimate. Each step is cancelled after ${writeDuration(max_lock_ms)}.`,
            'A step gives up after 2s (55P03) while a transaction that has used its table is open: end that or let it end, then run this again.',
            'Undo changes the types back as long as no value is beyond the former type; after that it cannot be undone.',
            'Prepared statements that return the column fail once with "cached plan must not change result type" (0A000) and are prepared again.',
            'Prisma: change Int to BigInt in the schema and deploy it; until then its client cannot read values beyond 2147483647.',
          ]),
    ],
  };
}

/** An identity column's sequence gets the column's type, and its end unless that was set explicitly (ATParseTransformCmd). */
function sequenceSteps(sequence: WideningSequence, named: WideningColumn | undefined): Step[] {
  const follows = named?.is_identity === true && named.type !== 'bigint';
  if (!follows) return [widenSequenceStep(sequence)];
  const isDefaultEnd = sequence.max_value === String(integerRange[sequence.type]?.most);
  return isDefaultEnd ? [] : [widenSequenceStep({...sequence, type: 'bigint'})];
}

function refuseUnsafe(column: WideningColumn, max_lock_ms: number): void {
  const name = nameOf(column);
  if (column.is_partition_key)
    throw usageError(`${name} is part of the partition key: its type cannot be changed`);
  if (column.used_by.length > 0) {
    const views = column.used_by.slice(0, 3).join(', ');
    throw usageError(
      `${name} is used by ${views}: its type cannot be changed (0A000)`,
      'drop these views first and create them again afterwards',
    );
  }
  const lock_ms = rewriteMs(column.size_bytes);
  if (lock_ms > max_lock_ms) {
    throw usageError(
      `${name}: ALTER TYPE would lock the table exclusively for ${formatSeconds(lock_ms)} by estimate (${formatBytes(column.size_bytes)}), longer than max_lock=${writeDuration(max_lock_ms)}`,
      'method=staged gives the SQL that locks nothing for long, method=negative a stopgap; or raise max_lock in a maintenance window',
    );
  }
}

function staged(columns: readonly WideningColumn[], sequence: WideningSequence | null): Part {
  const narrow = columns.filter(({type}) => type !== 'bigint' && integerRange[type] !== undefined);
  return {
    steps: stagedAdvice(narrow, sequence),
    explanation: [
      'poolctl only advises here: the backfill takes as long as it takes, and the swap belongs into a migration.',
      'Test it on a copy first. Each stage can be stopped and gone on with later.',
    ],
  };
}

function negative(column: WideningColumn, sequence: WideningSequence | null): Part {
  if (sequence === null) throw usageError(`no sequence gives the values of ${nameOf(column)}`);
  if (column.type === 'bigint')
    throw usageError(`${nameOf(column)} is bigint: method=widen widens its sequence`);
  if (BigInt(sequence.increment) <= 0n) throw usageError('the sequence goes down already');
  const least = integerRange[column.type]?.least ?? 0n;
  return {
    steps: [restartNegativeStep(sequence, column)],
    explanation: [
      `A stopgap: ${sequence.schema}.${sequence.name} goes on at ${least} and has ${formatCount(Number(-least))} values until it reaches 0. Nothing is rewritten; INSERT waits for milliseconds.`,
      'New ids are negative and smaller than all before: what orders or pages by id is affected, and so is code that expects positive ids.',
      'Undo lets the sequence go on where it was; rows with negative ids stay.',
      'The column still has to be widened.',
    ],
  };
}

function nameOf({schema, table, column}: WideningColumn): string {
  return `${schema}.${table}.${column}`;
}

function formatSeconds(ms: number): string {
  return ms < 1000 ? 'less than 1s' : writeDuration(Math.ceil(ms / 1000) * 1000);
}

function draw(columns: readonly WideningColumn[]): string[] {
  const line = (name: string, ...cells: string[]) =>
    `${[...name].slice(0, 40).join('').padEnd(40)}${cells.map(cell => cell.padStart(9)).join('')}`;
  return [
    line('column', 'type', 'rows', 'size', 'lock'),
    ...columns.map(column =>
      line(
        nameOf(column),
        column.type,
        column.rows < 0 ? '-' : formatCount(column.rows),
        formatBytes(column.size_bytes),
        column.type === 'bigint'
          ? '-'
          : `~${formatSeconds(rewriteMs(column.size_bytes)).replace('less than ', '<')}`,
      ),
    ),
  ];
}
