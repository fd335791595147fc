/** What the teams wrote of an endpoint before and after they mended it, and what keeps it from being so here. */
export type Claim = {
  endpoint: string;
  figure: Figure;
  before: Range;
  after: Range;
  /** Told where the claim does not hold. */
  why?: string;
};

/** `queries`, `connections` at once and `rows` of one request alone; `time_ms` is its median. */
export type Figure = 'queries' | 'connections' | 'rows' | 'time_ms';

/** From least to most, as the text says it. */
export type Range = readonly [least: number, most: number];

const more = Number.POSITIVE_INFINITY;

const otherMachine =
  'Measured next to the server, with none of the network between a serverless function and its database: a statement costs a fraction of what it cost there, and what each request does besides weighs more.';

const oneAtATime =
  'Its statements follow one another, so a request holds one connection however many it sends; what was counted are statements, or the connections of many requests.';

const notAtOnce =
  'Statements were counted as connections. Only those in one Promise.all are sent at once; the rest follow and use the same connections again.';

const relationsAtOnce =
  'A call is not a connection: Prisma reads the two relations of an `include` at once, each over a connection of its own.';

export const claims: readonly Claim[] = [
  {endpoint: 'bulk-assessments', figure: 'queries', before: [400, more], after: [3, 10]},
  {
    endpoint: 'bulk-assessments',
    figure: 'time_ms',
    before: [8000, 12_000],
    after: [1000, 2000],
    why: otherMachine,
  },
  {
    endpoint: 'bulk-assessments',
    figure: 'connections',
    before: [50, more],
    after: [2, 3],
    why: oneAtATime,
  },
  {endpoint: 'mentor-assignments', figure: 'queries', before: [20, 30], after: [2, 2]},
  {endpoint: 'assessments-list', figure: 'queries', before: [102, 102], after: [3, 3]},
  {
    endpoint: 'assessments-list',
    figure: 'time_ms',
    before: [2500, 2500],
    after: [200, 300],
    why: otherMachine,
  },
  {endpoint: 'assessments-list', figure: 'connections', before: [50, 50], after: [1, 2], why: oneAtATime},
  {endpoint: 'students-list', figure: 'queries', before: [50, 100], after: [2, 3]},
  {
    endpoint: 'students-list',
    figure: 'time_ms',
    before: [1500, 2000],
    after: [200, 400],
    why: `${otherMachine} And \`take: 1\` of a relation is not sent to the server: Prisma reads every assessment of the fifty students and keeps one each.`,
  },
  {
    endpoint: 'reports-dashboard',
    figure: 'queries',
    before: [21, 21],
    after: [10, 10],
    why: 'Calls were counted: `include` is a statement of its own, in both variants.',
  },
  {endpoint: 'reports-dashboard', figure: 'connections', before: [21, 21], after: [4, 5], why: notAtOnce},
  {endpoint: 'rbac-dashboard', figure: 'connections', before: [11, 11], after: [4, 5]},
  {endpoint: 'rbac-users', figure: 'connections', before: [3, 3], after: [2, 2], why: relationsAtOnce},
  {endpoint: 'public-assessment-data', figure: 'queries', before: [10, 10], after: [4, 4]},
  {
    endpoint: 'public-assessment-data',
    figure: 'connections',
    before: [10, 10],
    after: [3, 3],
    why: notAtOnce,
  },
  {endpoint: 'admin-stats', figure: 'connections', before: [6, 6], after: [3, 3]},
  {endpoint: 'mentor-stats', figure: 'connections', before: [8, 8], after: [3, 3], why: notAtOnce},
  {endpoint: 'dashboard-stats', figure: 'connections', before: [4, 4], after: [2, 2]},
  {endpoint: 'administration-stats', figure: 'connections', before: [6, 6], after: [4, 4]},
  {endpoint: 'assessment-history', figure: 'rows', before: [100, more], after: [1, 150]},
  {
    endpoint: 'schools-delete',
    figure: 'connections',
    before: [3, 3],
    after: [1, 2],
    why: oneAtATime,
  },
  {endpoint: 'manager-agents', figure: 'queries', before: [51, 51], after: [2, 2]},
  {endpoint: 'manager-agents', figure: 'connections', before: [50, more], after: [1, 2], why: oneAtATime},
  {endpoint: 'agent-progress', figure: 'queries', before: [161, 161], after: [6, 6]},
  {
    endpoint: 'agent-progress',
    figure: 'connections',
    before: [160, more],
    after: [1, 6],
    why: 'The pool was given 80 connections, and a request takes all of them: what it would take is the limit, not the number of its statements.',
  },
  {endpoint: 'manager-metrics', figure: 'queries', before: [7, 7], after: [3, 3]},
];
