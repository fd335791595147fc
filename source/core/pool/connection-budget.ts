import type {Budget} from '../../model/snapshot.ts';

/** How many instances of an application there are, each with a pool of its own. */
export type Instances = {now: number; peak: number; deploy: number};

export type ConnectionBudget = {
  usable: number;
  /** Slots that others hold right now. Bears on the verdict (`fitOf`) alone: what is proposed is the same in a minute. */
  others: number;
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
  {usable, others = 0}: {usable: number; others?: number},
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
    others,
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

/**
 * `tight`: it takes what is kept for others, or stays within its share while others hold more than is kept for them;
 * `overflows`: it takes more than its share, and more than there is beside them.
 */
export function fitOf(connections: number, budget: ConnectionBudget): Fit {
  const isWithinShare = connections <= budget.allotted;
  if (refusedOf(connections, budget) === 0) return isWithinShare ? 'fits' : 'tight';
  return isWithinShare ? 'tight' : 'overflows';
}

/** How many of that many connections the server would refuse (53300), with what others hold now. */
export function refusedOf(connections: number, {most, usable, others}: ConnectionBudget): number {
  return Math.max(0, connections - most, connections + others - usable);
}

/** Slots that are not the role's; 0 where nobody says which role. */
export function heldByOthers(role: string | null, {used, groups}: Pick<Budget, 'used' | 'groups'>): number {
  if (role === null) return 0;
  return groups.reduce((left, {usename, count}) => left - (usename === role ? count : 0), used);
}

/** The max_connections with which that many connections would be within the share. */
export function neededMaxConnections(
  connections: number,
  {max_connections, usable}: Pick<Budget, 'max_connections' | 'usable'>,
  usable_share: number,
): number {
  return Math.ceil(connections / usable_share - 1e-9) + (max_connections - usable);
}
