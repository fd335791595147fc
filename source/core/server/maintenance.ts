/** What autovacuum has not kept up with in the connected database, and who keeps dead rows alive in it. */
export type Maintenance = {
  /** Those with enough changed or dead rows to be looked at. */
  tables: TableUpkeep[];
  /** Whoever holds vacuum back, the oldest first. */
  xmin_holders: XminHolder[];
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
  /** Since the last ANALYZE, by hand or by itself; null is never. */
  analyze_age_ms: number | null;
  vacuum_age_ms: number | null;
  /** How often somebody analyzed it by hand: what tells that an ANALYZE was done. */
  analyze_count: number;
  /** This role may ANALYZE it: by owning it or its database, or by MAINTAIN (PG17+). */
  may_analyze: boolean;
};

/** Rows deleted later than what it can still see stay until it is gone. */
export type XminHolder = {
  kind: 'backend' | 'prepared transaction' | 'replication slot' | 'standby';
  /** The pid, the gid, the slot, the standby's application_name. */
  name: string;
  /** Who or what it is, for people. */
  description: string;
  /** In transactions. */
  xmin_age: number;
  /** Of its transaction; null where nobody can tell. */
  age_ms: number | null;
};
