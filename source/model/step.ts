/**
 * Text that is executed unchanged, never redacted or sanitised. Functions that redact or show text take `Showable`, so
 * passing this is a type error. `shownLines` (sql/shown-sql.ts) converts it for display.
 */
export type ExecutableText = string & {readonly use?: 'executed'};

/** SQL and its parameters. Identifiers in `text` are quoted by `quoteIdentifier`. */
export type Sql = {
  text: ExecutableText;
  values: (string | number | boolean | null | (string | number)[])[];
  /** In the journal, in place of SQL that contains a secret: `text` is empty and cannot be executed. */
  withheld?: true;
  /**
   * Set for a team recipe's query: the functions (`schema.name`) it may call besides PostgreSQL's own read-only ones.
   * What the query reaches is checked on the server before it runs.
   */
  functions?: readonly string[];
  /** Set for a command that goes to PgBouncer's admin console instead of the server. */
  console?: PoolerCommand;
};

type PoolerCommand = {
  /** Which PgBouncer, by address and configuration file: no other gets the command. */
  pooler: string;
  /** Of the rows of a SHOW only those with these values. */
  where?: Record<string, string>;
};

/** A serialisable check: run `query` and compare `column` of its first row with `value`. */
export type Verification<Query = Sql> = {
  query: Query;
  expect: {column: string; op: '=' | '<>' | '<' | '<=' | '>' | '>='; value: string | number | boolean | null};
};

/** One step as plain data: what to do, how to undo it, how to verify it. Serialised in the journal. */
export type Step = SqlStep | FileStep | AdviceStep;

export type SqlStep = {
  kind: 'sql';
  title: string;
  /** What it changes, in the form of a finding's subject: `backend:4711`. */
  subject: string;
  /**
   * Must hold right before `apply`, in the same session and transaction; otherwise the step is skipped. For statements
   * that cannot contain their own guard (ALTER ROLE, CREATE INDEX CONCURRENTLY). A guard with a column named `guard`
   * returns text: any text but the expected one is the reason for skipping.
   */
  guard?: Verification;
  /** Session settings during `apply`, such as `lock_timeout`. */
  settings?: Record<string, string>;
  apply: Sql;
  /** Executed in one transaction after an `apply` that cannot run in one; for example COMMENT ON the new index. */
  afterwards?: Sql[];
  /**
   * Must hold in the transaction of `apply` before COMMIT, otherwise it is rolled back. Proves by oid that a statement
   * with a name changed the intended object.
   */
  proof?: Verification;
  /** Executed in the same session right after `apply`: its columns identify the created object for the undo. */
  pins?: Sql;
  /** `unneeded`: nothing to undo and harmless (ANALYZE); needs no consent as an irreversible step. */
  undo: Undo | 'irreversible' | 'unneeded';
  /** Irreversible because its undo would contain what looks like a secret, which the journal does not store. */
  holds_secret?: true;
  verify: Verification;
  /** Removes what a failed `apply` leaves behind, if its guard finds it: the invalid index of a failed build. */
  cleanup?: Cleanup;
  /** What takes long about it: its progress is shown. Such a step can be cancelled at any time. */
  progress?: 'create_index' | 'drop_index' | 'analyze';
  /** The session whose progress is read, if not the executing one. */
  progress_pid?: number;
  /** Read before and after, to record the effect. */
  measures?: Measure[];
  /** The strongest lock it takes on shared objects. */
  lock: 'none' | 'share' | 'exclusive';
  /** PostgreSQL's name of that lock mode, if it is known. */
  lock_mode?: 'SHARE UPDATE EXCLUSIVE' | 'ACCESS EXCLUSIVE';
  /** Whether it runs in a transaction, which CREATE INDEX CONCURRENTLY cannot. */
  transaction: boolean;
  timeout_ms: number;
};

/** How a step is undone: the statement, its guard and its verification. */
export type Undo = Pick<SqlStep, 'apply' | 'afterwards' | 'cleanup' | 'pins' | 'progress' | 'settings'> & {
  guard?: Verification<PinnedSql>;
  verify: Verification<PinnedSql>;
  proof?: Verification<PinnedSql>;
  /** How the undo is undone; absent: by the step itself. */
  undo?: Undo;
};

/** SQL with values known only after execution: what `pins` returned, or null if unknown. */
export type PinnedSql = SqlWith<Pin>;

export type SqlWith<Value> = Omit<Sql, 'values'> & {values: (Sql['values'][number] | Value)[]};

export type Pin = {pin: string};

/** The values that `pins` returned, by column. */
export type Pins = Record<string, string | null>;

export type Cleanup = {guard: Verification; apply: Sql; settings?: Record<string, string>};

/**
 * A value recorded before and after a step: the first column of `query`'s rows, one line each. `plan`: the query's
 * EXPLAIN without literals; the query is not executed.
 */
export type Measure = {name: string; query: Sql; kind?: 'plan'};

export type FileStep = {
  kind: 'file';
  title: string;
  subject: string;
  path: string;
  change: FileChange;
  /** Irreversible because the change contains what looks like a secret, which the journal does not store. */
  holds_secret?: true;
  /** The change as a diff: lines starting with `-` and `+`, without secrets. */
  diff: string[];
};

/** Something to be done by hand. */
export type AdviceStep = {kind: 'advice'; title: string; subject: string; text: string};

/**
 * Replaces a part of a URL's query, as written (`connection_limit=5`). With '' on one side, the other is added or removed
 * at the end, including the `?` or `&` before it.
 */
export type QueryEdit = {before: string; after: string};

/** A reversible change of a text file. Contains no secret, since it is journaled. */
export type FileChange =
  /** Creates a file that does not exist. */
  | {kind: 'create'; text: string; folder?: FileReplacement['folder']}
  /** Removes a file with exactly this text. */
  | {kind: 'remove'; text: string; folder?: FileReplacement['folder']}
  /** `before` must occur exactly once. */
  | {kind: 'replace'; before: string; after: string}
  /** Edits the query of the URL in `variable` of an .env file. */
  | {kind: 'url_query'; variable: string; edits: QueryEdit[]}
  /** The same in older journals, with decoded values, so not byte-exact. Null means absent. */
  | {kind: 'url_parameters'; variable: string; before: UrlParameters; after: UrlParameters}
  /** In the journal, in place of a change that contains a secret: it applies to no text. */
  | {kind: 'withheld'};

export type UrlParameters = Record<string, string | null>;

/** Null means no file. `folder`: whether the folder is created and removed with it; absent in older journals. */
export type FileReplacement = {
  before: string | null;
  after: string | null;
  folder?: 'new' | 'existing' | undefined;
};
