import type {ScanReport, ScanSeverity} from '../model/scan-report.ts';

export type IssueKind = keyof typeof rules;

/**
 * Every kind of issue: its weight, and the pattern that fixes it. An endpoint's severity is the sum over the kinds that it
 * has, each with its heaviest weight. Weights and levels are set so that the 17 endpoints of docs/scan.md get the severity
 * that an analysis by hand gave them.
 */
export const rules = {
  'parallel-per-item': {
    weight: 9,
    fix: 'Replace the queries per item by one: findMany with `in`, groupBy, createMany. Otherwise limit how many run concurrently (p-limit).',
  },
  'query-in-loop': {
    weight: 6,
    fix: 'Read what the loop needs before it, in one query (findMany with `in`), and look it up in a Map; write with createMany or updateMany.',
  },
  'date-loop': {
    weight: 6,
    fix: "One query for all periods: SELECT date_trunc('month', ...) AS month, count(*) ... GROUP BY 1, with $queryRaw.",
  },
  'parallel-overload': {
    weight: 3,
    fix: 'One groupBy instead of several counts of one model; run the others in groups of 3 or 4, or after one another.',
  },
  'parallel-in-a-row': {
    weight: 3,
    fix: 'The groups do not need each other: count with one groupBy instead, or merge them within what the pool can serve.',
  },
  'second-connection': {
    weight: 6,
    fix: 'Use the transaction client for every query inside. The outer client takes a second connection: with a full pool the request waits for itself.',
  },
  'transaction-awaits': {
    weight: 5,
    fix: 'Call other services before or after the transaction: it holds its connection and its locks while it waits.',
  },
  'raw-interpolation': {
    weight: 5,
    fix: 'Use $queryRaw`...` or Prisma.sql: they pass values as parameters. Interpolated text can be SQL, and each text is a statement of its own.',
  },
  'client-per-request': {
    weight: 9,
    fix: 'Create one client per process in a module of its own, and import it.',
  },
  'unbounded-find': {
    weight: 3,
    fix: 'Add `take` (and `cursor` or `skip`): without it the query returns as many rows as there are.',
  },
  'unbounded-include': {
    weight: 2,
    fix: 'Add `take` to the relation, or `_count` if only its number is used.',
  },
  'independent-awaits': {
    weight: 3,
    fix: 'Promise.all over the two, or $transaction([...]) to keep to one connection.',
  },
  'count-per-value': {
    weight: 1,
    fix: 'One groupBy over the field that differs, with _count.',
  },
  'duplicate-query': {
    weight: 1,
    fix: 'Run it once and use its result twice, or cache it for the request.',
  },
  'whole-record': {
    weight: 1,
    fix: 'Add `select` with the field that is used; where only their number is, use `count`.',
  },
  'relation-without-index': {
    weight: 3,
    fix: "PostgreSQL makes no index for a foreign key. 'poolctl run apply-indexes --set app=DIR' weighs it on the server and writes schema and migration.",
  },
  'filter-without-index': {
    weight: 1,
    fix: "An index may help, if the table is large and the filter selects little: 'poolctl run apply-indexes --set app=DIR' weighs it on the server.",
  },
  'no-pool-setting': {
    weight: 5,
    fix: 'Set the size of the pool: `max` of PrismaPg from Prisma 7 on, `connection_limit` of the URL before.',
  },
  'ignored-url-parameters': {
    weight: 5,
    fix: 'From Prisma 7 on set them where the adapter is created: new PrismaPg({connectionString, max, connectionTimeoutMillis}).',
  },
  'several-clients': {weight: 3, fix: 'Create one client, in one module: each has a pool of its own.'},
  'no-shutdown': {
    weight: 1,
    fix: 'Call $disconnect() when the process gets SIGTERM, so that a deploy does not leave its connections until they time out.',
  },
} as const satisfies Record<string, {weight: number; fix: string}>;

/** Loops and groups of this many queries weigh more. */
export const heavyLoopQueries = 4;
export const heavyLoopWeight = 15;
/** Up to this many concurrent queries are no issue. */
export const fineParallel = 3;
export const heavyParallel = 8;
export const heavyParallelWeight = 6;
/** A relation in a relation, or below a query without `take`. */
export const deepIncludeWeight = 3;
/** A loop over this many items at most weighs less. */
export const shortLoop = 3;

export const levels: readonly (readonly [severity: ScanSeverity, from: number])[] = [
  ['critical', 15],
  ['high', 5],
  ['medium', 3],
  ['low', 0],
];

export function severityOf(weights: ReadonlyMap<IssueKind, number>): ScanSeverity {
  const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
  return levels.find(([, from]) => sum >= from)?.[0] ?? 'low';
}

/** An issue that concerns all endpoints. */
export function applicationIssue(
  kind: IssueKind,
  file: string,
  line: number,
  detail: string,
): ScanReport['application'][number] {
  const {fix, weight} = rules[kind];
  return {kind, file, line, detail, fix, patch: null, severity: severityOf(new Map([[kind, weight]]))};
}
