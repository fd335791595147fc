/** Tables of the connected database that autovacuum is behind on, and what holds back vacuum. */
export type Maintenance = {
  /** Tables with enough changed or dead rows to matter. */
  tables: TableUpkeep[];
  /** What holds back vacuum, oldest first. */
  xmin_holders: XminHolder[];
  /** Of the tables, as the planner has them. Absent in recordings of earlier versions. */
  table_facts?: TableFacts;
};

/** What of a table can make statements on it slow while they and its rows stay the same. */
export type TableFacts = {
  /** Larger tables that the planner knows nothing about: pg_upgrade and pg_restore leave them so. Only those that this role may read. */
  without_statistics: {schema: string; name: string; rows: number}[];
  /** Triggers that run for each row, the newest first. */
  row_triggers: RowTrigger[];
  /** Policies that filter what is read, the newest first. Absent in recordings of earlier versions. */
  row_policies?: RowPolicy[];
};

export type RowPolicy = {
  schema: string;
  table: string;
  name: string;
  /** No other relation has the table's name. */
  is_only_name: boolean;
  /** The table's columns that its condition reads. */
  columns: string[];
  /** An index begins with one of them. */
  is_indexed: boolean;
  /** Of the roles with sessions, and those that these may become, the ones to which it applies. */
  roles: string[];
};

export type RowTrigger = {
  schema: string;
  table: string;
  name: string;
  function: string;
  /** `INSERT`, `UPDATE`, `DELETE`. */
  events: string[];
};

export type TableUpkeep = {
  oid: string;
  schema: string;
  name: string;
  live_rows: number;
  dead_rows: number;
  rows_changed_since_analyze: number;
  /** Changed rows at which autovacuum would analyze it, by the table's own settings or the server's. */
  analyze_threshold: number;
  /** Dead rows at which autovacuum would vacuum it. */
  vacuum_threshold: number;
  /** The table's own setting. */
  is_autovacuum_enabled: boolean;
  /** Since the last manual or automatic ANALYZE; null if never. */
  analyze_age_ms: number | null;
  vacuum_age_ms: number | null;
  /** Number of manual ANALYZEs; verifies an ANALYZE. */
  analyze_count: number;
  /** This role may ANALYZE it: it owns the table or database, or has MAINTAIN (PG17+). */
  may_analyze: boolean;
};

/** Something that holds back vacuum: rows deleted after its xmin stay until it is gone. */
export type XminHolder = {
  kind: 'backend' | 'prepared transaction' | 'replication slot' | 'standby';
  /** The pid, the gid, the slot, the standby's application_name. */
  name: string;
  /** A description of it. */
  description: string;
  /** In transactions. */
  xmin_age: number;
  /** Age of its transaction; null if unknown. */
  age_ms: number | null;
};
