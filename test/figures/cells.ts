import type {snapshotDocument} from '../../source/commands/snapshot/command.ts';
import {oneLine} from '../../source/console/rows/one-line.ts';
import {poolRows, verdictText} from '../../source/console/rows/pools.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {groupBy} from '../../source/core/group-by.ts';
import {formatAge, formatBytes, formatCount, formatMs, formatRatio} from '../../source/core/text/format.ts';
import type {Backend, Snapshot} from '../../source/model/snapshot.ts';

export type Document = ReturnType<typeof snapshotDocument>;

/** Texts are no figures, and long ones are cut. */
export const textLength = 60;

function textOf(query: string | null): string {
  return oneLine(query ?? '')
    .slice(0, textLength)
    .trimEnd();
}

/** What each cell of a row says, by the id of its column. */
export type Cells = {[column: string]: string};

export function sessionCells({backends}: Document): Cells[] {
  return backends.map(backend => ({
    pid: String(backend.pid),
    state: isBlocked(backend) ? `waits ${backend.blocked_by[0]}` : stateOf(backend),
    age: formatAge(backend.state === 'active' ? backend.query_age_ms : backend.state_age_ms),
    xact: formatAge(backend.xact_age_ms),
    application: backend.application_name,
    role: backend.usename ?? '-',
    database: backend.datname ?? '-',
    client: backend.client_addr ?? (backend.state === null ? '-' : 'local'),
    wait:
      backend.wait_event === null || backend.wait_event === 'ClientRead'
        ? ''
        : `${backend.wait_event_type}:${backend.wait_event}`,
    blocked: backend.blocked_by.join(','),
    route: backend.tags.route ?? '',
    operation: backend.tags.prismaQuery?.split(':')[0] ?? '',
    query: textOf(backend.query),
  }));
}

function isBlocked({blocked_by}: Backend): boolean {
  return blocked_by.length > 0;
}

function stateOf({state}: Backend): string {
  if (state === 'idle in transaction (aborted)') return 'aborted tx';
  return state === 'idle in transaction' ? 'idle in tx' : (state ?? 'hidden');
}

/** Every session that waits or is waited for. */
export function lockCells({backends, lock_waits}: Document): Cells[] {
  const waitersOf = (pid: number): Set<number> => {
    const found = new Set<number>();
    for (let size = -1; size < found.size; ) {
      size = found.size;
      for (const wait of lock_waits)
        if (wait.blocked_by.some(each => each === pid || found.has(each))) found.add(wait.pid);
    }
    return found;
  };
  const pids = new Set(lock_waits.flatMap(({pid, blocked_by}) => [pid, ...blocked_by]));
  return [...pids].map(pid => {
    const backend = backends.find(each => each.pid === pid);
    const wait = lock_waits.find(each => each.pid === pid);
    const waiters = waitersOf(pid).size;
    const object =
      wait?.locktype === 'transactionid' ? `transaction ${wait.transactionid}, ${wait.object}` : wait?.object;
    return {
      pid: String(pid),
      waiters: waiters === 0 ? '' : String(waiters),
      state: backend === undefined ? '' : stateOf(backend),
      age: wait === undefined ? '' : formatAge(wait.wait_age_ms),
      xact: formatAge(backend?.xact_age_ms ?? null),
      mode: object ?? '',
      application: backend?.application_name ?? '',
      query: textOf(backend?.query ?? null),
    };
  });
}

/** Of both readings; what the verdict and its reason say of them has tests of its own. */
export function poolCells(state: ConsoleState, readings: readonly Snapshot[]): Cells[] {
  const keyOf = ({application_name, usename, datname}: Backend) =>
    [application_name, usename ?? '', datname ?? ''].join(' ');
  const pools = readings.map(({backends}) => groupBy(backends.filter(isClient), keyOf));
  return [...(pools.at(-1) ?? [])].map(([key, [first, ...others]]): Cells => {
    const sessions = first === undefined ? [] : [first, ...others];
    const isHidden = sessions.some(each => each.state === null);
    const shares = pools.flatMap(all => {
      const own = all.get(key);
      return own === undefined ? [] : [{sessions: own.length, busy: own.filter(isBusy).length}];
    });
    const mean = shares.reduce((sum, {busy}) => sum + busy, 0) / shares.length;
    const full = shares.filter(({busy, sessions}) => busy === sessions).length / shares.length;
    const shown = poolRows(state).find(
      ({application_name, usename, datname}) => [application_name, usename, datname].join(' ') === key,
    );
    return {
      application: first?.application_name || '(no name)',
      role: first?.usename || '-',
      database: first?.datname || '-',
      verdict: shown === undefined ? 'missing' : verdictText(shown),
      sessions: String(sessions.length),
      busy: isHidden ? '-' : mean.toFixed(1),
      full: isHidden ? '-' : formatRatio(full, 0),
      queue: '-',
      instances: isHidden ? '-' : String(new Set(sessions.map(each => each.client_addr)).size),
      why: textOf(shown?.reason ?? null),
    };
  });
}

function isClient({backend_type}: Backend): boolean {
  return backend_type === null || backend_type === 'client backend';
}

function isBusy({state}: Backend): boolean {
  return state !== null && state !== 'idle' && state !== 'starting';
}

type StatementOf = Document['statements'][number];

/** Over the interval between the two readings. */
export function statementCells({statements}: Document): Cells[] {
  return statements.map(statement => {
    const {calls, exec_ms} = grownOf(statement);
    const ifCalled = (figure: number | null) => (calls === 0 ? null : figure);
    return {
      load: 'exec_share_ratio' in statement ? formatRatio(statement.exec_share_ratio) : '-',
      exec: formatMs(of(statement, 'exec_ms_per_second')),
      calls: formatCount(of(statement, 'calls_per_second')),
      mean: formatMs(ifCalled(of(statement, 'interval_mean_exec_time_ms'))),
      deviation: formatMs(ifCalled(of(statement, 'interval_stddev_exec_time_ms'))),
      total: formatMs(exec_ms),
      count: formatCount(calls),
      rows: formatCount(of(statement, 'rows_per_second')),
      hit: formatCount(of(statement, 'shared_blks_hit_per_second')),
      read: formatCount(of(statement, 'shared_blks_read_per_second')),
      temp: formatCount(of(statement, 'temp_blks_per_second')),
      wal: formatBytes(of(statement, 'wal_bytes_per_second')),
      role: statement.usename ?? statement.userid,
      database: statement.datname ?? statement.dbid,
      query: textOf(statement.query ?? `(${statement.queryid})`),
    };
  });
}

export function of(statement: StatementOf, figure: string): number | null {
  return ((statement as Record<string, unknown>)[figure] as number | undefined) ?? null;
}

export function grownOf(statement: StatementOf): {calls: number | null; exec_ms: number | null} {
  const seconds = (of(statement, 'interval_ms') ?? Number.NaN) / 1000;
  const grown = (rate: string) => {
    const value = (of(statement, rate) ?? Number.NaN) * seconds;
    return Number.isNaN(value) ? null : value;
  };
  const calls = grown('calls_per_second');
  return {calls: calls === null ? null : Math.round(calls), exec_ms: grown('exec_ms_per_second')};
}
