import type {Budget} from './snapshot.ts';

/** How many instances of an application there are, each with a pool of its own. */
export type Instances = {now: number; peak: number; deploy: number};

export type ConnectionBudget = {
  usable: number;
  /** Of the role and of the database, where set and enforced. */
  role_limit: number | null;
  database_limit: number | null;
  usable_share: number;
  /** Beyond it the server refuses (53300), whoever else is connected or not. */
  most: number;
  /** What all instances together are to stay within: the share, and no more than `most`. */
  allotted: number;
  /** What `allotted` comes from. */
  bound_by: 'share' | 'role' | 'database';
};

/**
 * What an application may take of a server: usable slots x share, less where the role's or the database's own
 * limit is lower. The rest of the slots is for others: migrations, psql, monitoring.
 */
export function connectionBudget(
  {usable}: Pick<Budget, 'usable'>,
  limits: {role_limit: number | null; database_limit: number | null},
  usable_share: number,
): ConnectionBudget {
  // 97 x 0.8 is 77.60000000000001 in binary: what is whole in decimal must not fall below itself.
  const share = Math.floor(usable * usable_share + 1e-9);
  const role = limits.role_limit ?? Number.POSITIVE_INFINITY;
  const database = limits.database_limit ?? Number.POSITIVE_INFINITY;
  const allotted = Math.min(share, role, database);
  return {
    usable,
    ...limits,
    usable_share,
    most: Math.min(usable, role, database),
    allotted,
    bound_by: allotted === share ? 'share' : allotted === role ? 'role' : 'database',
  };
}

export function countInstances(now: number, peak: number, deploy_overlap: number): Instances {
  return {now, peak, deploy: Math.ceil(peak * deploy_overlap - 1e-9)};
}

/** The largest connection_limit with which that many instances stay within the budget; 0 where not even 1 does. */
export function largestLimit({allotted}: ConnectionBudget, instances: number): number {
  return Math.floor(allotted / instances);
}

export type Fit = 'fits' | 'tight' | 'overflows';

/** `tight`: the server would allow it, but it takes what is kept for others. */
export function fitOf(connections: number, {allotted, most}: ConnectionBudget): Fit {
  if (connections <= allotted) return 'fits';
  return connections <= most ? 'tight' : 'overflows';
}

/** The max_connections with which that many connections would be within the share. */
export function neededMaxConnections(
  connections: number,
  {max_connections, usable}: Pick<Budget, 'max_connections' | 'usable'>,
  usable_share: number,
): number {
  return Math.ceil(connections / usable_share - 1e-9) + (max_connections - usable);
}
