/** What pg_stat_statements lacks on this server. */
export type StatementStatistics = {
  /** The library is loaded in the running server. */
  is_loaded: boolean;
  /** It is among shared_preload_libraries, which take effect with the next start; null where hidden. */
  is_restart_pending: boolean | null;
  /** How to have it loaded here, as an exact statement or the place where this service keeps it. */
  preload_remedy: string;
  /** What CREATE EXTENSION takes on this managed service. */
  service_note: string | null;
  /** compute_query_id (PG14+); `off` keeps every statement from being counted. */
  compute_query_id: string | null;
  /** The version the server's files offer; null where they are not installed. */
  available_version: string | null;
  /** In the connected database. */
  installed: {version: string; schema: string} | null;
  schemas: string[];
};
