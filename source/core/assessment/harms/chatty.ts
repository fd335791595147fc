import type {Act, Change, Finding} from '../../../model/recipe.ts';
import type {Statement} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {redactLiterals} from '../../sql/shown-sql.ts';
import {counted, formatAge, formatCount} from '../../text/format.ts';
import {averageOf, type Context, timeOf, windowMs} from '../context.ts';
import {
  existsFor_ms,
  type StatementHistory,
  statementHistories,
  statisticsAge_ms,
  tablesOf,
} from '../statement-history.ts';

const {chatty_calls_per_second, chatty_times} = thresholds;

/**
 * Harm: an application sends one statement after the other where it sent one (N+1). Nothing is slow on the server; the
 * round trips are. Shows in statements that are called many times as often as another one of the same role, in step with it,
 * and that are new, or whose twin with a list of keys stopped.
 */
export function examineChatty(context: Context): Finding[] {
  return byRole(statementHistories(context)).flatMap(own => examineRole(own, context));
}

function byRole(histories: readonly StatementHistory[]): StatementHistory[][] {
  const roles = new Map<string, StatementHistory[]>();
  for (const history of histories) {
    const {userid, dbid, toplevel} = history.statement;
    if (!toplevel) continue;
    const key = `${userid}/${dbid}`;
    const own = roles.get(key);
    if (own === undefined) roles.set(key, [history]);
    else own.push(history);
  }
  return [...roles.values()];
}

function examineRole(own: readonly StatementHistory[], context: Context): Finding[] {
  const many = own
    .filter(isRepeated)
    .sort((a, b) => b.calls - a.calls)
    .slice(0, mostCompared);
  if (many.length === 0) return [];
  const anchor = anchorOf(many, own);
  if (anchor === null) return [];
  const inStep = many.filter(each => isInStep(each, anchor));
  const changed = inStep.filter(each => isNew(each, anchor, context));
  const silent = silentTwins(inStep, context);
  if (inStep.length === 0 || (changed.length === 0 && silent.length === 0)) return [];
  return [findingOf({inStep, anchor, changed, silent}, context)];
}

/** The busiest say it: comparing each with each would be too expensive. */
const mostCompared = 20;

/** Fast, for few rows, and often. */
function isRepeated(history: StatementHistory): boolean {
  const {calls_per_second, mean_ms, rows, calls} = history;
  return (
    calls_per_second >= chatty_calls_per_second.warning &&
    mean_ms <= mostMeanMs &&
    rows <= calls * mostRows &&
    history.is_running
  );
}

const mostMeanMs = 5;
const mostRows = 3;

/** The statement of the same role that is called least, but regularly: one per request. */
function anchorOf(
  many: readonly StatementHistory[],
  own: readonly StatementHistory[],
): StatementHistory | null {
  const most = Math.max(...many.map(({calls_per_second}) => calls_per_second));
  const candidates = own.filter(
    each =>
      each.calls >= leastCalls &&
      each.calls_per_second * chatty_times.warning <= most &&
      many.some(repeated => isInStep(repeated, each)),
  );
  return candidates.sort((a, b) => b.calls_per_second - a.calls_per_second)[0] ?? null;
}

const leastCalls = 3;

/** Called at least `chatty_times` as often, and by about the same factor in each interval. */
function isInStep(repeated: StatementHistory, anchor: StatementHistory): boolean {
  const factor = repeated.calls / anchor.calls;
  if (repeated === anchor || factor < chatty_times.warning) return false;
  const anchorCalls = anchor.callsByInterval();
  const pairs = repeated.callsByInterval().map((calls, index) => [calls, anchorCalls[index] ?? 0]);
  return comparable(pairs).every(
    ([calls = 0, base = 1]) => calls / base > factor / 2 && calls / base < factor * 2,
  );
}

/** Intervals in which the anchor was called often enough; those with fewer calls, which vary by chance, are taken together. */
function comparable(pairs: readonly number[][]): number[][] {
  let sum = [0, 0];
  return pairs.flatMap(([calls = 0, base = 0]) => {
    sum = [(sum[0] ?? 0) + calls, (sum[1] ?? 0) + base];
    if ((sum[1] ?? 0) < comparableCalls) return [];
    const taken = sum;
    sum = [0, 0];
    return [taken];
  });
}

const comparableCalls = 10;

/** Younger than two hours and than most of the statistics; where their age is not known, than the statement of the request. */
function isNew(history: StatementHistory, anchor: StatementHistory, context: Context): boolean {
  const age_ms = statisticsAge_ms(context) ?? existsFor_ms(anchor, context).ms;
  const {ms} = existsFor_ms(history, context);
  return ms <= newFor_ms && ms < age_ms / 2;
}

const newFor_ms = 7_200_000;

/** Statements for a list of keys of the same table, with earlier calls and none in the assessed time. */
function silentTwins(inStep: readonly StatementHistory[], {snapshot}: Context): Statement[] {
  const tables = new Set(inStep.flatMap(({statement}) => [...tablesOf(statement.query)]));
  const roles = new Set(inStep.map(({statement: {userid, dbid}}) => `${userid}/${dbid}`));
  const busy = new Set(inStep.map(({statement}) => statement));
  return snapshot.statements.filter(
    statement =>
      !busy.has(statement) &&
      roles.has(`${statement.userid}/${statement.dbid}`) &&
      statement.calls >= leastCalls &&
      (statement.rates?.calls_per_second ?? 0) === 0 &&
      /(?:=\s*any\s*\(|\bin\s*\(\s*\$\d+\s*,)/i.test(statement.query ?? '') &&
      [...tablesOf(statement.query)].some(table => tables.has(table)),
  );
}

type Chatty = {
  inStep: StatementHistory[];
  anchor: StatementHistory;
  changed: StatementHistory[];
  silent: Statement[];
};

function findingOf({inStep, anchor, changed, silent}: Chatty, context: Context): Finding {
  const {samples, snapshot} = context;
  const usename = anchor.statement.usename ?? '?';
  const pools = (samples.at(-1)?.pools ?? []).filter(pool => pool.usename === usename);
  const [pool] = pools.toSorted((a, b) => b.sessions - a.sessions);
  const who = pool?.application_name || usename;
  const factors = inStep.map(({calls}) => calls / anchor.calls).sort((a, b) => a - b);
  const perSecond = inStep.reduce((sum, {calls_per_second}) => sum + calls_per_second, 0);
  const since = sinceOf(changed, context);
  const from = Math.round(factors[0] ?? 0);
  const to = Math.round(factors.at(-1) ?? 0);
  const times = from === to ? `${to} times` : `${from} to ${to} times`;
  const twins =
    silent.length === 0 ? '' : `; ${counted(silent.length, 'query', 'queries')} with key lists (IN) stopped`;
  const busy = averageOf(samples, ({pools: all}) =>
    all.filter(each => each.usename === usename).reduce((sum, each) => sum + each.sessions - each.idle, 0),
  );
  return {
    recipe: 'chatty',
    severity: 'warning',
    subject: `role:${usename}/chatty`,
    summary: `${who}: ${counted(inStep.length, 'statement')} run ${times} as often as ${short(anchor.statement)}${since === null ? '' : `, ${since.text}`}${twins}: ${formatCount(perSecond)} round trips/s (N+1)`,
    evidence: {
      application_name: pool?.application_name ?? null,
      usename,
      statements: inStep.length,
      calls_per_second: Math.round(perSecond),
      requests_per_second: Math.round(anchor.calls_per_second * 10) / 10,
      calls_per_request: Math.round(factors.reduce((sum, factor) => sum + factor, 0)),
      window_ms: windowMs(context),
    },
    harm: {kind: 'chatty', sessions: busy, share: 1, since: since?.at ?? null},
    cause: 'chatty',
    explains: inStep.map(({statement}) => `statement:${statement.queryid}`),
    confidence: silent.length > 0 ? 'likely' : 'possible',
    reasons: [
      ...inStep.map(
        ({statement, calls, mean_ms}) =>
          `${Math.round(calls / anchor.calls)} times per call of the other, ${mean_ms.toFixed(2)} ms each: ${short(statement, 120)}`,
      ),
      ...silent
        .slice(0, 3)
        .map(
          statement =>
            `No call in this time, ${formatCount(statement.calls)} before: ${short(statement, 120)}`,
        ),
      `Nothing is slow on the server: the time is spent on ${formatCount(perSecond)} round trips/s between the application and the server.`,
    ],
    changes:
      since === null
        ? []
        : ([
            {at: since.at, what: `${counted(changed.length, 'new statement')} of ${who}`},
          ] satisfies Change[]),
    acts: advice(snapshot.target.prisma !== null || /"/.test(anchor.statement.query ?? '')),
  };
}

/** When the new statements began: the latest of them. */
function sinceOf(changed: readonly StatementHistory[], context: Context): {at: string; text: string} | null {
  const ages = changed.map(each => existsFor_ms(each, context));
  const [age] = ages.sort((a, b) => b.ms - a.ms);
  if (age === undefined) return null;
  const at = timeOf({at_ms: Date.parse(context.snapshot.at) - age.ms});
  return {at, text: age.isExact ? `since ${at.slice(11, 16)}Z` : `for about ${formatAge(age.ms)}`};
}

function short({query, queryid}: Statement, length = 44): string {
  const text = query === null ? `statement ${queryid}` : redactLiterals(query);
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function advice(isPrisma: boolean): Act[] {
  const costs = 'an application change';
  return [
    {
      recipe: null,
      params: {},
      title: isPrisma
        ? 'roll back the deploy, or load the relation with include or a relationLoadStrategy of join'
        : 'roll back the deploy, or fetch the rows of a request with one query (= ANY)',
      frees: null,
      costs,
    },
    {
      recipe: null,
      params: {},
      title: 'batch lookups of one tick: findUnique calls of the same model, or a loader',
      frees: null,
      costs,
    },
  ];
}
