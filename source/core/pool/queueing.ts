/** Requests that come at random to `servers` equal connections: an M/M/c queue. */
export type Queue = {
  servers: number;
  /** Arrivals. */
  per_second: number;
  /** Mean time for which one holds a connection. */
  service_ms: number;
};

export type Waiting = {
  /** Share of time a connection is at work, 0 to 1 and above where the load exceeds them all. */
  busy_ratio: number;
  /** Probability that a request finds every connection taken (Erlang C). */
  wait_ratio: number;
  /** Over all requests, those that do not wait included; Infinity where the queue grows without end. */
  mean_wait_ms: number;
  /** What 95 of 100 requests wait at most. */
  p95_wait_ms: number;
};

/** Little's law: connections at work at once, on average. */
export function busyConnections({per_second, service_ms}: Omit<Queue, 'servers'>): number {
  return (per_second * service_ms) / 1000;
}

/** What a request waits for a connection, as M/M/c has it: random arrivals, exponential times, one queue. */
export function waiting(queue: Queue): Waiting {
  const {servers, service_ms} = queue;
  const offered = busyConnections(queue);
  const busy_ratio = offered / servers;
  if (busy_ratio >= 1) {
    const never = Number.POSITIVE_INFINITY;
    return {busy_ratio, wait_ratio: 1, mean_wait_ms: never, p95_wait_ms: never};
  }
  const wait_ratio = erlangC(servers, offered);
  // Of those who wait, the wait is exponential with this mean.
  const mean_of_waiters_ms = service_ms / (servers - offered);
  return {
    busy_ratio,
    wait_ratio,
    mean_wait_ms: wait_ratio * mean_of_waiters_ms,
    p95_wait_ms: Math.max(0, Math.log(wait_ratio / 0.05) * mean_of_waiters_ms),
  };
}

/** By the recursion of Erlang B, which neither factorials nor powers overflow. */
function erlangC(servers: number, offered: number): number {
  if (offered === 0) return 0;
  let blocked = 1;
  for (let each = 1; each <= servers; each++) blocked = (offered * blocked) / (each + offered * blocked);
  return (servers * blocked) / (servers - offered * (1 - blocked));
}
