/** The index finder's result: indexes worth building, and those it skipped. */
export type IndexAdvice = {
  proposals: IndexProposal[];
  skipped: SkippedIndex[];
  /** How benefits are estimated: by the planner with HypoPG's hypothetical indexes, or from pg_stats. */
  planner: 'hypopg' | 'none';
};

export type IndexProposal = {
  schema: string;
  table: string;
  table_oid: string;
  /** Unused in its schema, in the form of Prisma and PostgreSQL: `table_column_idx`. */
  name: string;
  /** btree, gin, ... */
  method: string;
  /** Key columns in order. `expression` is SQL: a quoted column or an index expression. */
  columns: {expression: string; order?: string}[];
  /** WHERE of a partial index. */
  predicate: string | null;
  /** `CREATE INDEX CONCURRENTLY`, every name quoted and qualified. */
  definition: string;
  estimated_size_bytes: number;
  /** The planner used it for a statement it serves, or is expected to. */
  confidence: 'planner-verified' | 'heuristic';
  /** For the user, most important first. */
  reasons: string[];
  serves: Served[];
  source: 'statements' | 'foreign_key' | 'file';
};

/** Costs are the planner's own units; null without the planner. */
export type Served = {
  queryid: string;
  query: string;
  calls: number;
  total_exec_time_ms: number;
  cost_before: number | null;
  cost_after: number | null;
};

export type SkippedIndex = {what: string; reason: string};

/** Where to look for indexes: a migration's CREATE INDEX statements, or null for the server's statements. */
export type IndexAdviceNeed = {file: string | null};
