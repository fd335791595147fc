import type {Snapshot, Statement} from '../../model/snapshot.ts';

/** The load that an application's statements put on connections. */
type StatementLoad = {
  per_second: number;
  mean_exec_time_ms: number;
  /** Busy connections on average (Little's law). */
  busy: number;
  /** Rates between two snapshots, or an average since statistics were reset. */
  basis: 'interval' | 'since_reset';
  over_ms: number;
};

export type LoadReading = StatementLoad | {basis: 'none'; reason: string};

/** The load of a role's statements; without a role, of the database's. */
export function readLoad(snapshot: Snapshot, role: string | null): LoadReading {
  const own = snapshot.statements.filter(
    ({toplevel, usename, datname}) =>
      toplevel && (role === null ? datname === snapshot.target.database : usename === role),
  );
  if (own.length === 0) {
    const missing = snapshot.unavailable.find(({section}) => section.startsWith('statements'));
    return {basis: 'none', reason: missing?.remedy ?? 'pg_stat_statements has none of its statements'};
  }
  return loadOfInterval(own) ?? loadSinceReset(own, snapshot);
}

function loadOfInterval(statements: readonly Statement[]): StatementLoad | null {
  const rates = statements.flatMap(each => each.rates ?? []);
  if (rates.length === 0) return null;
  const per_second = sum(rates.map(each => each.calls_per_second));
  const exec_ms = sum(rates.map(each => each.exec_ms_per_second));
  if (per_second === 0) return null;
  const over_ms = Math.max(...rates.map(each => each.interval_ms));
  return createLoad(per_second, exec_ms, {basis: 'interval', over_ms});
}

function loadSinceReset(statements: readonly Statement[], snapshot: Snapshot): LoadReading {
  const since = snapshot.statements_info?.stats_reset ?? null;
  const over_ms = since === null ? 0 : Date.parse(snapshot.at) - Date.parse(since);
  if (!(over_ms >= 1000)) {
    return {basis: 'none', reason: 'statements were read once, and the time of the last reset is unknown'};
  }
  const calls = sum(statements.map(each => each.calls));
  const exec_ms = sum(statements.map(each => each.total_exec_time_ms));
  const perSecond = (amount: number) => (amount * 1000) / over_ms;
  return calls === 0
    ? {basis: 'none', reason: 'its statements were not called'}
    : createLoad(perSecond(calls), perSecond(exec_ms), {basis: 'since_reset', over_ms});
}

function createLoad(
  per_second: number,
  exec_ms_per_second: number,
  from: Pick<StatementLoad, 'basis' | 'over_ms'>,
): StatementLoad {
  const mean_exec_time_ms = exec_ms_per_second / per_second;
  const busy = busyConnections({per_second, service_ms: mean_exec_time_ms});
  return {per_second, mean_exec_time_ms, busy, ...from};
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** An M/M/c queue of requests for `servers` connections. */
export type Queue = {
  servers: number;
  /** Arrival rate. */
  per_second: number;
  /** Mean time that a request holds a connection. */
  service_ms: number;
};

export type Waiting = {
  /** Utilisation of a connection; above 1 if the load exceeds the connections. */
  busy_ratio: number;
  /** Probability that a request has to wait (Erlang C). */
  wait_ratio: number;
  /** Over all requests; Infinity if the queue grows without limit. */
  mean_wait_ms: number;
  /** 95th percentile over all requests. */
  p95_wait_ms: number;
};

/** Busy connections on average (Little's law). */
export function busyConnections({per_second, service_ms}: Omit<Queue, 'servers'>): number {
  return (per_second * service_ms) / 1000;
}

/** Waiting times in an M/M/c queue: random arrivals, exponential service times. */
export function waiting(queue: Queue): Waiting {
  const {servers, service_ms} = queue;
  const offered = busyConnections(queue);
  const busy_ratio = offered / servers;
  if (busy_ratio >= 1) {
    const never = Number.POSITIVE_INFINITY;
    return {busy_ratio, wait_ratio: 1, mean_wait_ms: never, p95_wait_ms: never};
  }
  const wait_ratio = erlangC(servers, offered);
  // The waiting time of those that wait is exponential with this mean.
  const mean_of_waiters_ms = service_ms / (servers - offered);
  return {
    busy_ratio,
    wait_ratio,
    mean_wait_ms: wait_ratio * mean_of_waiters_ms,
    p95_wait_ms: Math.max(0, Math.log(wait_ratio / 0.05) * mean_of_waiters_ms),
  };
}

/** By the recursion of Erlang B, which does not overflow. */
function erlangC(servers: number, offered: number): number {
  if (offered === 0) return 0;
  let blocked = 1;
  for (let each = 1; each <= servers; each++) blocked = (offered * blocked) / (each + offered * blocked);
  return (servers * blocked) / (servers - offered * (1 - blocked));
}
