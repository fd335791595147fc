import type {Sample} from '../../../model/assessment.ts';
import type {TableUpkeep} from '../../../model/maintenance.ts';
import type {Act, Finding} from '../../../model/recipe.ts';
import type {SettingOverride} from '../../../model/recipe-data.ts';
import {coresOf} from '../../activity/session-load.ts';
import {thresholds} from '../../health/thresholds.ts';
import {describeWhere, effectiveOverride} from '../../roles/role-settings.ts';
import {nameOf} from '../../server/maintenance.ts';
import {statementName} from '../../sql/statement-name.ts';
import {counted, formatBytes, formatCount, formatMs, formatRatio} from '../../text/format.ts';
import {type Context, shareOf} from '../context.ts';
import {
  activeLately,
  meanBefore,
  type StatementHistory,
  statementHistories,
  tablesOf,
  tablesReadBy,
} from '../statement-history.ts';
import {resetActs} from './settings.ts';
import {coldCache, diskAdvice, diskLoad, diskReason} from './slow-cache.ts';
import {
  base,
  before,
  describe,
  explained,
  isSlower,
  nameStatement,
  planAdvice,
  type Slow,
} from './slow-finding.ts';
import {rowSecurity} from './slow-policy.ts';
import {deadRows, noStatistics, scansForFew, slowTrigger} from './slow-tables.ts';

const {slow_active_sessions, slow_share_ratio, lone_statement_sessions} = thresholds;

/**
 * Harm: one statement of an application takes most of the server's time, in several concurrent sessions. Explained by stale
 * statistics of a table that it reads, by temporary files, or else by being slower than before. A report that runs
 * once is no harm.
 */
export function examineSlow(context: Context): Finding[] {
  const histories = statementHistories(context);
  const total_ms = histories.reduce((sum, {exec_ms}) => sum + exec_ms, 0);
  const [heaviest] = histories;
  if (heaviest === undefined || total_ms === 0) return [];
  const share = heaviest.exec_ms / total_ms;
  const isHeavy =
    heaviest.calls >= leastCalls &&
    Math.min(heaviest.active, activeLately(context, heaviest)) >= slow_active_sessions.warning &&
    share >= slow_share_ratio.warning;
  const slow = {history: heaviest, share};
  if (!isHeavy) {
    const scan = isBusyAlone(slow, context) ? scansForFew(slow, context) : null;
    return scan === null ? spillsBelow(histories) : [scan];
  }
  if (isMostlyWaiting(heaviest, context)) return [];
  return [
    deadRows(slow, context) ??
      staleStatistics(slow, context) ??
      noStatistics(slow, context) ??
      spills(slow, context) ??
      slowTrigger(slow, context) ??
      rowSecurity(slow, context) ??
      readsMore(slow, context) ??
      scansForFew(slow, context) ??
      readsFromDisk(slow, context) ??
      slower(slow, context),
  ].flatMap(finding => finding ?? []);
}

const leastCalls = 5;

/** One client that runs it again and again, and does nothing else. */
function isBusyAlone({history, share}: Slow, context: Context): boolean {
  const active = Math.min(history.active, activeLately(context, history));
  return (
    history.calls >= leastCalls &&
    share >= slow_share_ratio.warning &&
    active >= lone_statement_sessions.warning
  );
}

/** Sessions that run it wait for locks, now or until lately: another examination's harm. */
function isMostlyWaiting(
  {statement: {queryid, query}}: StatementHistory,
  {snapshot, samples}: Context,
): boolean {
  const running = snapshot.backends.filter(({query_id, state}) => query_id === queryid && state === 'active');
  const waiting = running.filter(({wait_event_type}) => wait_event_type === 'Lock');
  if (running.length > 0 && waiting.length * 2 > running.length) return true;
  const tables = tablesOf(query);
  const isWaitedFor = ({waits}: Sample) =>
    waits.some(({object}) => tables.has(object.slice(object.lastIndexOf('.') + 1).replaceAll('"', '')));
  const from_ms = (samples.at(-1)?.at_ms ?? 0) - waited_ms;
  return (
    shareOf(
      samples.filter(({at_ms}) => at_ms >= from_ms),
      isWaitedFor,
    ) > 0.3
  );
}

/** Time spent waiting is counted when the statement ends, and is looked at for ten seconds more (`activeLately`). */
const waited_ms = 20_000;

function staleStatistics(slow: Slow, context: Context): Finding | null {
  const tables = tablesReadBy(slow.history.statement.query);
  const stale = (context.facts.maintenance?.tables ?? [])
    .filter(table => tables.has(table.name) && isStale(table))
    .sort((a, b) => b.rows_changed_since_analyze - a.rows_changed_since_analyze);
  const [worst] = stale;
  if (worst === undefined) return null;
  const analyzed =
    worst.analyze_age_ms === null ? 'it was never analyzed' : 'it was last analyzed before that';
  const off = worst.is_autovacuum_enabled ? '' : ', autovacuum is off for it';
  const act: Act = {
    recipe: 'analyze-stale-tables',
    params: {tables: stale.map(nameOf).join(',')},
    title: `analyze ${stale.map(nameOf).join(', ')}`,
    frees: 'faster as soon as the statement is planned again',
    costs:
      'reads a sample of the table; reads and writes go on. Plans of other statements on it may change, too',
  };
  return {
    ...base(slow, context),
    recipe: act.recipe ?? '',
    params: act.params,
    summary: `${describe(slow)}: statistics of ${worst.name} are stale, ${formatCount(worst.rows_changed_since_analyze)} rows have changed since${off}`,
    cause: 'stale-statistics',
    explains: [...explained(slow), 'statistics'],
    confidence: 'likely',
    reasons: [
      `${nameOf(worst)} has ${formatCount(worst.live_rows)} rows; ${formatCount(worst.rows_changed_since_analyze)} were inserted, updated or deleted, and ${analyzed}.`,
      'The planner still expects the rows that were there before, and chooses its plan for those.',
      ...before(slow),
    ],
    acts: [act, ...planAdvice(slow)],
  };
}

/** As analyze-stale-tables has it. */
function isStale({rows_changed_since_analyze, analyze_threshold}: TableUpkeep): boolean {
  return (
    rows_changed_since_analyze >= thresholds.changed_rows.warning &&
    rows_changed_since_analyze > thresholds.autovacuum_threshold_times.warning * analyze_threshold
  );
}

function spills(slow: Slow, context: Context): Finding | null {
  const {rates, temp_blks_written, calls} = slow.history.statement;
  const perSecond = rates?.temp_blks_per_second ?? 0;
  const perCall = calls === 0 ? 0 : temp_blks_written / calls;
  if (perSecond < leastTempBlocks || perCall < leastTempBlocks) return null;
  const {override = null, acts = []} = smallWorkMem(slow, context) ?? {};
  return {
    ...base(slow, context),
    ...(acts[0]?.recipe && {recipe: acts[0].recipe, params: acts[0].params}),
    summary: `${describe(slow)}: it sorts or hashes on disk, ${formatCount(Math.round(perCall * blockKb))} kB of temporary files per call${override === null ? '' : `; work_mem = ${override.value} is set for ${describeWhere(override)}`}`,
    cause: 'temp-spills',
    explains: explained(slow),
    confidence: 'likely',
    reasons: ['What does not fit into work_mem is written to temporary files.', ...before(slow)],
    acts: [...acts, workMemAdvice, ...planAdvice(slow)],
  };
}

/** Of statements that are not the load: seen below the findings, since no session is hurt. */
function spillsBelow(histories: readonly StatementHistory[]): Finding[] {
  const blocksOf = ({statement}: StatementHistory) => statement.rates?.temp_blks_per_second ?? 0;
  const [most] = [...histories].sort((a, b) => blocksOf(b) - blocksOf(a));
  if (most === undefined || blocksOf(most) < leastTempBlocks) return [];
  const {queryid, query, usename} = most.statement;
  const rate = `${formatBytes(blocksOf(most) * blockKb * 1024)}/s`;
  return [
    {
      recipe: 'temp-spills',
      severity: 'warning',
      subject: `statement:${queryid}/temp`,
      summary: `${statementName(query) || `statement ${queryid}`} by ${usename ?? '?'} writes and reads ${rate} of temporary files: it sorts or hashes more than work_mem holds`,
      evidence: {queryid, temp_blocks_per_second: Math.round(blocksOf(most))},
      cause: 'temp-spills',
    },
  ];
}

/** work_mem of the statement's role or database, if it is less than PostgreSQL's default. */
function smallWorkMem(
  {history: {statement}}: Slow,
  {facts, snapshot}: Context,
): {override: SettingOverride; acts: Act[]} | null {
  const {usename, datname} = statement;
  if (usename === null || datname === null) return null;
  const override = effectiveOverride(facts.setting_overrides ?? [], {
    role: usename,
    database: datname,
    name: 'work_mem',
  });
  if (override === null || (settingKb(override.value) ?? Infinity) >= defaultWorkMemKb) return null;
  const held = snapshot.backends.filter(each => each.usename === usename && each.datname === datname);
  const [first] = held;
  if (first === undefined) return null;
  const after = override.set_at ?? null;
  const {application_name} = first;
  return {override, acts: resetActs({override, held, application_name, after}, 'sort in more memory')};
}

const defaultWorkMemKb = 4096;

/** `64kB`, `4MB`; without a unit kB. null if it is written otherwise. */
function settingKb(value: string): number | null {
  const [, amount, unit = 'kB'] = /^\s*(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|TB)?\s*$/.exec(value) ?? [];
  if (amount === undefined) return null;
  return Number(amount) * ({B: 1 / 1024, kB: 1, MB: 1024, GB: 1024 ** 2, TB: 1024 ** 3}[unit] ?? 1);
}

const workMemAdvice: Act = {
  recipe: null,
  params: {},
  title: 'raise work_mem for this role, or let the statement sort less',
  frees: null,
  costs: 'each sort or hash of each session may take as much memory',
};

/** 8 MB per second, or per call. */
const leastTempBlocks = 1000;
const blockKb = 8;

function readsMore(slow: Slow, context: Context): Finding | null {
  const cold = coldCache(slow.history, context.snapshot);
  if (cold === null) return null;
  const {isPlan, text, reason, advice: title} = cold;
  return {
    ...base(slow, context),
    ...(isPlan && {recipe: 'apply-indexes', params: {}}),
    summary: `${describe(slow)}: ${text}`,
    cause: isPlan ? 'plan-changed' : 'cache-cold',
    explains: explained(slow),
    confidence: 'likely',
    reasons: [reason, ...diskReason(diskLoad(slow.history, context)), ...before(slow)],
    acts: [
      ...(isPlan ? [] : [{recipe: null, params: {}, title, frees: null, costs: 'reading the tables once'}]),
      ...planAdvice(slow),
    ],
  };
}

/** The load waits for what this statement reads, and it is slower than before, or more sessions are busy than there are cores. */
function readsFromDisk(slow: Slow, context: Context): Finding | null {
  const {history} = slow;
  const load = diskLoad(history, context);
  const cores = coresOf(context.snapshot) ?? null;
  if (load === null || !(isSlower(history) || (cores !== null && load.sessions > cores))) return null;
  const {share, event, blocks_per_call} = load;
  const mean_before = meanBefore(history);
  const earlier = mean_before === null ? '; it is new' : `; ${formatMs(mean_before)} per call before`;
  return {
    ...base(slow, context),
    summary: `${formatRatio(share, 0)} of the load waits for ${event}, caused by ${nameStatement(history)}, which reads ${formatCount(blocks_per_call)} blocks per call: ${formatMs(history.mean_ms)}, ${history.active.toFixed(1)} concurrent sessions${earlier}`,
    cause: 'disk-reads',
    explains: explained(slow),
    confidence: 'likely',
    reasons: [
      ...diskReason(load),
      ...(cores === null ? [] : [`The server has ${counted(cores, 'core')}.`]),
      ...before(slow),
    ],
    acts: [...planAdvice(slow), diskAdvice],
  };
}

/** Nothing that can be seen explains it; only reported where it is slower than before. */
function slower(slow: Slow, context: Context): Finding | null {
  const mean_before = meanBefore(slow.history);
  if (!isSlower(slow.history)) return null;
  return {
    ...base(slow, context),
    summary: `${describe(slow)}${mean_before === null ? '; it is new' : `; ${formatMs(mean_before)} per call before`}`,
    cause: 'slow-statement',
    explains: explained(slow),
    confidence: 'possible',
    reasons: [...before(slow), 'Its plan shows where the time goes: x in Statements (3).'],
    acts: planAdvice(slow),
  };
}
