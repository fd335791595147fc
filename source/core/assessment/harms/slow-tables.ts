import type {RowTrigger, TableUpkeep} from '../../../model/maintenance.ts';
import type {Act, Finding} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {holderOf, nameOf, quotedName} from '../../server/maintenance.ts';
import {quoteIdentifier} from '../../sql/quote.ts';
import {counted, formatCount} from '../../text/format.ts';
import type {Context} from '../context.ts';
import {tablesOf, tablesReadBy} from '../statement-history.ts';
import {writingStatement} from '../writing-statement.ts';
import {isBehind} from './horizon.ts';
import {unservedCondition} from './slow-condition.ts';
import {base, before, describe, explained, isSlower, planAdvice, type Slow} from './slow-finding.ts';

/** It reads a table of mostly dead rows, which vacuum could remove and has not. What holds back vacuum is a finding of its own. */
export function deadRows(slow: Slow, context: Context): Finding | null {
  const {maintenance} = context.facts;
  const tables = tablesOf(slow.history.statement.query);
  const [worst] = (maintenance?.tables ?? [])
    .filter(table => tables.has(table.name) && isBehind(table) && table.dead_rows > table.live_rows)
    .sort((a, b) => b.dead_rows - a.dead_rows);
  if (maintenance === undefined || worst === undefined || holderOf(maintenance, worst) !== null) return null;
  const why = worst.is_autovacuum_enabled ? 'autovacuum does not keep up' : 'autovacuum is off for it';
  return {
    ...base(slow, context),
    recipe: 'analyze-stale-tables',
    params: {tables: nameOf(worst)},
    summary: `${describe(slow)}: it scans through ${formatCount(worst.dead_rows)} dead rows of ${worst.name}, which has ${counted(worst.live_rows, 'live row')}: ${why}`,
    cause: 'dead-rows',
    explains: [...explained(slow), 'vacuum', 'statistics'],
    confidence: 'likely',
    reasons: [
      vacuumedText(worst),
      'Each read of the table and of its indexes scans through the dead rows.',
      ...before(slow),
    ],
    acts: vacuumActs(worst),
  };
}

function vacuumedText({vacuum_age_ms, vacuum_threshold, dead_rows}: TableUpkeep): string {
  const last =
    vacuum_age_ms === null
      ? 'It was never vacuumed'
      : `It was vacuumed ${Math.round(vacuum_age_ms / 60_000)} min ago`;
  return `${last}; autovacuum would begin at ${formatCount(Math.round(vacuum_threshold))} dead rows, there are ${formatCount(dead_rows)}.`;
}

function vacuumActs(table: TableUpkeep): Act[] {
  return [
    {
      recipe: 'analyze-stale-tables',
      params: {tables: nameOf(table)},
      title: `VACUUM ${quotedName(table)}: the recipe shows the statement, and what would keep the dead rows`,
      frees: 'faster once the dead rows are removed',
      costs: 'reads the table and its indexes once; reads and writes go on',
    },
    {
      recipe: null,
      params: {},
      title: table.is_autovacuum_enabled
        ? `let autovacuum come sooner: ALTER TABLE ${quotedName(table)} SET (autovacuum_vacuum_scale_factor = 0.01)`
        : `let autovacuum work again: ALTER TABLE ${quotedName(table)} RESET (autovacuum_enabled)`,
      frees: null,
      costs: 'a SHARE UPDATE EXCLUSIVE lock for a moment',
    },
  ];
}

/** The planner has no statistics of a large table that it reads, as after pg_upgrade or pg_restore. */
export function noStatistics(slow: Slow, context: Context): Finding | null {
  const tables = tablesReadBy(slow.history.statement.query);
  const unknown = (context.facts.maintenance?.table_facts?.without_statistics ?? []).filter(({name}) =>
    tables.has(name),
  );
  const [largest] = unknown;
  if (largest === undefined) return null;
  const names = unknown.map(({schema, name}) => `${schema}.${name}`).join(',');
  return {
    ...base(slow, context),
    recipe: 'analyze-stale-tables',
    params: {tables: names},
    summary: `${describe(slow)}: the planner has no statistics of ${unknown.map(({name}) => name).join(' and ')} (${formatCount(largest.rows)} rows), never analyzed since the restore or upgrade`,
    cause: 'stale-statistics',
    explains: [...explained(slow), 'statistics'],
    confidence: 'likely',
    reasons: [
      'pg_stats has no row for any column: the planner guesses how many rows a condition leaves.',
      'pg_restore and, up to version 17, pg_upgrade bring no statistics.',
      ...before(slow),
    ],
    acts: [
      {
        recipe: null,
        params: {},
        title: 'vacuumdb --all --analyze-in-stages, or ANALYZE in each database',
        frees:
          'every statement planned without statistics gets a better plan, as soon as it is planned again',
        costs: 'reads a sample of each table; reads and writes go on',
      },
      ...planAdvice(slow),
    ],
  };
}

/** An INSERT of a few rows that is slower than before, on a table whose triggers run for each of them. */
export function slowTrigger(slow: Slow, context: Context): Finding | null {
  const {history} = slow;
  if (!isSlower(history)) return null;
  const triggers = triggersOf(history.statement.query, context);
  const [newest] = triggers;
  const blocks = blocksPerCall(slow);
  if (newest === undefined || blocks === null || history.rows > history.calls * mostRows) return null;
  // What a row and its index entries take is far less.
  if (blocks < leastBlocks) return null;
  return {
    ...base(slow, context),
    recipe: 'slow-trigger',
    summary: `${describe(slow)}: for each row it runs ${describeTriggers(triggers)}; ${formatCount(blocks)} blocks per call`,
    cause: 'slow-trigger',
    explains: explained(slow),
    confidence: 'likely',
    reasons: [
      `A call writes ${(history.rows / history.calls).toFixed(1)} rows and touches ${formatCount(blocks)} blocks: what its triggers do is counted with it, but is not in its plan.`,
      `Triggers for each row on ${newest.table}, the newest first: ${triggers.map(nameTrigger).join(', ')}.`,
      ...before(slow),
    ],
    acts: [
      {
        recipe: null,
        params: {},
        title: `look at what ${newest.function}() reads: EXPLAIN (ANALYZE) of the statement lists the time of each trigger; an index may serve it`,
        frees: null,
        costs: 'EXPLAIN (ANALYZE) executes the statement: in a transaction, and roll it back',
      },
      {
        recipe: null,
        params: {},
        title: `if the last deploy brought it and it can be missed: ALTER TABLE ${quotedName({...newest, name: newest.table})} DISABLE TRIGGER ${quoteIdentifier(newest.name)}`,
        frees: 'the statement is faster immediately',
        costs: 'a SHARE ROW EXCLUSIVE lock for a moment; what it would have written meanwhile is missing',
      },
    ],
  };
}

/**
 * Triggers of an INSERT of given values, the newest first: what another statement reads may be its own plan. [] where tables of several
 * schemas may be meant.
 */
function triggersOf(query: string | null, {facts}: Context): RowTrigger[] {
  const [, schema, table] = /^INSERT INTO (?:([^.]+)\.)?([^.]+)$/.exec(writingStatement(query) ?? '') ?? [];
  if (table === undefined || !/\bvalues\b/i.test(query ?? '') || /\bselect\b/i.test(query ?? '')) return [];
  const triggers = (facts.maintenance?.table_facts?.row_triggers ?? []).filter(
    each => each.table === table && (schema ?? each.schema) === each.schema && each.events.includes('INSERT'),
  );
  return triggers.every(each => each.schema === triggers[0]?.schema) ? triggers : [];
}

/** Rows and blocks of a statement that writes a few rows. */
const mostRows = 20;
const leastBlocks = 100;

function blocksPerCall({history: {statement}}: Slow): number | null {
  const {rates} = statement;
  if (!rates || rates.calls_per_second === 0) return null;
  const {shared_blks_hit_per_second: hit, shared_blks_read_per_second: read} = rates;
  return hit === null || read === null ? null : Math.round((hit + read) / rates.calls_per_second);
}

function describeTriggers(triggers: readonly RowTrigger[]): string {
  const [newest] = triggers as [RowTrigger];
  const others = triggers.length - 1;
  return `the trigger ${nameTrigger(newest)}${others === 0 ? '' : ` and ${counted(others, 'other')}`}`;
}

function nameTrigger({name, function: called}: RowTrigger): string {
  return `${name} (${called})`;
}

/** One statement keeps a session or more busy all the time, and reads many blocks for few rows: an index is missing, or cannot serve it. */
export function scansForFew(slow: Slow, context: Context): Finding | null {
  const scanned = scannedForFew(slow);
  const condition = scanned === null ? null : unservedCondition(slow.history.statement.query ?? '');
  if (condition === null) return null;
  return {
    ...base(slow, context),
    recipe: 'apply-indexes',
    params: {},
    summary: `${describe(slow)}: it reads ${scanned}: no index serves ${condition.text}`,
    cause: 'unindexed-filter',
    explains: explained(slow),
    confidence: 'likely',
    reasons: [
      condition.why,
      'It reads the whole table for each call, and takes a core for as long as it runs.',
      ...before(slow),
    ],
    acts: [
      ...planAdvice(slow),
      {
        recipe: null,
        params: {},
        title: condition.index,
        frees: null,
        costs: 'an index takes space, and each write maintains it',
      },
    ],
  };
}

/** `2.9k blocks per call for 20 rows`, of a statement that takes long and reads many for each; else null. */
export function scannedForFew(slow: Slow): string | null {
  const {calls, rows, mean_ms} = slow.history;
  const blocks = blocksPerCall(slow);
  if (blocks === null || mean_ms < thresholds.slowest_mean_exec_time_ms.warning) return null;
  const rowsPerCall = Math.max(1, rows / calls);
  if (blocks < leastScanned || blocks < rowsPerCall * scannedPerRow) return null;
  return `${formatCount(blocks)} blocks per call for ${counted(Math.round(rowsPerCall), 'row')}`;
}

const leastScanned = 500;
const scannedPerRow = 50;
