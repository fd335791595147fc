/** What one PgBouncer says of itself in its admin console, which names columns alike in every version but has more of them in newer ones. */
export type Pooler = {
  /** `host:port` of its admin console. */
  address: string;
  /** `1.24.1`. */
  version: string;
  /** With the address it identifies this PgBouncer. */
  config_file: string;
  settings: PoolerConfiguration;
  /** Without the admin console itself, as the pools. */
  databases: PoolerDatabase[];
  pools: PoolerPool[];
  /** At most 500, the longest wait first; those with a server connection are kept before those that wait. null: it has too many to read them all. */
  clients: PoolerClient[] | null;
  servers: PoolerServer[];
};

export type PoolerConfiguration = {
  pool_mode: string;
  default_pool_size: number;
  max_client_conn: number;
  /** After this long without a server connection a client is disconnected; 0: never. */
  query_wait_timeout_ms: number | null;
  /** null before 1.21, which does not know it; 0 is off. */
  max_prepared_statements: number | null;
  /** Several processes may share the port: which of them answers is by chance. */
  so_reuseport: boolean;
  /** Not 0: it is one process of several that know each other (`[peers]`, 1.19). */
  peer_id: number;
};

/** A row of SHOW DATABASES, with its averages of SHOW STATS over `stats_period`. */
export type PoolerDatabase = {
  /** As clients name it. */
  name: string;
  /** Where it leads; host null is a Unix socket. */
  host: string | null;
  port: number;
  database: string;
  pool_size: number;
  /** Server connections to it of all its pools; 0 is no limit. */
  max_connections: number;
  current_connections: number;
  is_paused: boolean;
  is_disabled: boolean;
  transactions_per_second: number | null;
  average_transaction_ms: number | null;
};

/** A row of SHOW POOLS: the clients and server connections of one user in one database. */
export type PoolerPool = {
  database: string;
  user: string;
  pool_mode: string;
  /** Linked to a server connection, or idle. */
  cl_active: number;
  cl_waiting: number;
  /** How long the first of them has waited; 0 if none waits. */
  maxwait_ms: number;
  sv_active: number;
  sv_idle: number;
  sv_used: number;
  sv_tested: number;
  sv_login: number;
};

export type PoolerClient = {
  database: string;
  user: string;
  /** null before 1.18. */
  application_name: string | null;
  /** `unix` for a socket. */
  client_addr: string;
  client_port: number;
  /** `active`, `waiting`, `idle`, ... */
  state: string;
  /** null unless it waits. */
  wait_ms: number | null;
  /** The backend of the server connection that it has now. */
  server_pid: number | null;
};

export type PoolerServer = {
  database: string;
  user: string;
  state: string;
  /** Of the PostgreSQL that it leads to. */
  server_addr: string;
  server_port: number;
  /** The pid of its backend there; null until it has logged in. */
  pid: number | null;
};

/** A PgBouncer that was read, or why none was. */
export type PoolerReading =
  | {pooler: Pooler; problem: null}
  /** `address`: null if no admin console is known. */
  | {pooler: null; problem: {address: string | null; reason: string; remedy: string}};
