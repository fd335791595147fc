import type {PoolQueue} from '../../model/application-pool.ts';
import type {Backend, PoolReport} from '../../model/snapshot.ts';
import {groupBy} from '../group-by.ts';
import {redactSecrets} from '../text/redact.ts';

/**
 * What poolctl/kit appends to application_name: `web[9/9 w34 p95 1.2s #k3f.a]`, of which docs/kit.md has the grammar. The same
 * text is a regular expression of JavaScript and of PostgreSQL.
 */
const suffix = String.raw`\[(\d{1,6})/(\d{1,6}) w(\d{1,7})(?: p95 (\d{1,7}ms|\d{1,5}(?:\.\d)?s))? #([0-9a-z]{3})\.([0-9a-z]{1,2})\]$`;
const pattern = new RegExp(suffix);

export type ApplicationName = {name: string; report: PoolReport | null};

/**
 * An application_name in its parts, without secrets. A name that ends otherwise, be it almost alike or cut off, is the
 * application's own.
 */
export function readApplicationName(text: string): ApplicationName {
  const match = text.endsWith(']') ? pattern.exec(text) : null;
  if (match === null) return {name: redactSecrets(text), report: null};
  const [, busy, size, waiting, time, instance = '', turn = ''] = match;
  const report: PoolReport = {
    instance,
    turn: Number.parseInt(turn, 36),
    size: Number(size),
    busy: Number(busy),
    waiting: Number(waiting),
    // Left out if no checkout had to wait; of those that wait still, the time is not known.
    wait_p95_ms: time === undefined ? (Number(waiting) === 0 ? 0 : null) : toMs(time),
  };
  return {name: redactSecrets(text.slice(0, match.index)), report};
}

function toMs(time: string): number {
  return time.endsWith('ms') ? Number(time.slice(0, -2)) : Math.round(Number(time.slice(0, -1)) * 1000);
}

/** SQL: the application's own name, for queries that show it. */
export function applicationNameSql(column: string): string {
  return `pg_catalog.regexp_replace(${column}, '${suffix}', '')`;
}

/** Turns start over after this many. */
const turns = 36 ** 2;

/** A pool reports every 5 s at most, and at a checkout only. */
const leftIdleMs = 10_000;

export type Reporting = Pick<
  Backend,
  'application_name' | 'usename' | 'datname' | 'client_addr' | 'state' | 'state_age_ms'
> & {pool_report: PoolReport};

/**
 * The reports of these sessions' pools, summed. Where the sessions that were handed out last are left idle, no request waits,
 * whatever their report says: the next one comes with the next checkout. Others may be idle because they were never released.
 */
export function queueOf(sessions: readonly Reporting[]): PoolQueue {
  const queues = [...groupBy(sessions, processOf).values()].map(own => {
    const reports = own.map(({pool_report}) => pool_report);
    const {turn, size, busy, waiting, wait_p95_ms} = reports.reduce(newerOf);
    const isLeftIdle = own.every(
      ({pool_report, state, state_age_ms}) =>
        pool_report.turn !== turn || (state === 'idle' && (state_age_ms ?? 0) > leftIdleMs),
    );
    if (!isLeftIdle) return {size, busy, waiting, wait_p95_ms};
    return {size, busy: own.filter(({state}) => state !== 'idle').length, waiting: 0, wait_p95_ms: 0};
  });
  const sum = (read: (queue: PoolQueue) => number) => queues.reduce((total, queue) => total + read(queue), 0);
  const longest_ms = Math.max(...queues.map(({wait_p95_ms}) => wait_p95_ms ?? 0));
  return {
    size: sum(({size}) => size),
    busy: sum(({busy}) => busy),
    waiting: sum(({waiting}) => waiting),
    wait_p95_ms: longest_ms === 0 && queues.some(({wait_p95_ms}) => wait_p95_ms === null) ? null : longest_ms,
  };
}

/** An instance's three characters are unique among a few processes only. */
function processOf({application_name, usename, datname, client_addr, pool_report}: Reporting): string {
  return [application_name, usename, datname, client_addr, pool_report.instance].join('\0');
}

/** The longest wait that a pool reports, 95th percentile; null if none does, or none has ended yet. */
export function poolWaitMs(sessions: readonly Backend[]): number | null {
  const reporting = sessions.filter(isReporting);
  return reporting.length === 0 ? null : queueOf(reporting).wait_p95_ms;
}

export function isReporting(session: Backend): session is Backend & Reporting {
  return session.pool_report !== undefined;
}

/** Each session keeps the report that was current when it was last handed out: the current one is less than half of all turns ahead. */
function newerOf(known: PoolReport, report: PoolReport): PoolReport {
  const ahead = (report.turn - known.turn + turns) % turns;
  return ahead < turns / 2 ? report : known;
}
