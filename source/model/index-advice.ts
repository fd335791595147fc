/** What the index finder came to: indexes worth building, and what it left out and why. */
export type IndexAdvice = {
  proposals: IndexProposal[];
  skipped: SkippedIndex[];
  /** Who judged: HypoPG shows the planner an index that is not there; without it, estimates from pg_stats do. */
  planner: 'hypopg' | 'none';
};

export type IndexProposal = {
  schema: string;
  table: string;
  table_oid: string;
  /** Free in its schema; as Prisma and PostgreSQL would have named it, `table_column_idx`. */
  name: string;
  /** btree, gin, ... */
  method: string;
  /** Key columns in their order. `expression` is SQL: a quoted column, or an expression as it stands in the index. */
  columns: {expression: string; order?: string}[];
  /** WHERE of a partial index. */
  predicate: string | null;
  /** `CREATE INDEX CONCURRENTLY`, every name quoted and qualified. */
  definition: string;
  estimated_size_bytes: number;
  /** The planner used it for a statement it serves, or we reckon that it would. */
  confidence: 'planner-verified' | 'heuristic';
  /** In the user's words, the weightiest first. */
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

/** Asks for the fact: the statements the server has seen, or the CREATE INDEX statements of a migration. */
export type IndexAdviceNeed = {file: string | null};
