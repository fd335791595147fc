/**
 * Text that is executed as it stands, never redacted nor sanitised: what redacts or shows takes `Showable` and so
 * refuses it. `shownLines` and `shownText` (engine/step-text.ts) make of it what is shown.
 */
export type ExecutableText = string & {readonly use?: 'executed'};

/** SQL and its parameters; identifiers inside `text` come from `quoteIdentifier` alone. */
export type Sql = {
  text: ExecutableText;
  values: (string | number | boolean | null | (string | number)[])[];
  /** The journal's stand-in for what holds a secret: the text is empty and nothing of it can be executed. */
  withheld?: true;
  /**
   * Given for a query that a team wrote: it may call these functions (`schema.name`) besides PostgreSQL's own that only
   * read. The server is asked what the query reaches before it runs it.
   */
  functions?: readonly string[];
};

/** A verification that can be written down: run `query`, compare `column` of its first row with `value`. */
export type Verification<Query = Sql> = {
  query: Query;
  expect: {column: string; op: '=' | '<>' | '<' | '<=' | '>' | '>='; value: string | number | boolean | null};
};

/** One act as data, never a closure: what to do, how to undo it, how to verify it. Serialised as it stands. */
export type Step = SqlStep | FileStep | AdviceStep;

export type SqlStep = {
  kind: 'sql';
  title: string;
  /** What it acts on, as a finding names it: `backend:4711`. */
  subject: string;
  /**
   * Must hold in the acting session right before `apply`, in its transaction where there is one; else the step
   * is left alone. For acts that cannot carry their guard in themselves (ALTER ROLE, CREATE INDEX CONCURRENTLY).
   * One whose column is named `guard` answers in words: what it says instead of the expected one is the reason.
   */
  guard?: Verification;
  /** Settings of the acting session during `apply`: `lock_timeout` and its kin. */
  settings?: Record<string, string>;
  apply: Sql;
  /** Run in one transaction after an `apply` that cannot be in it: what belongs to what was made, such as its comment. */
  afterwards?: Sql[];
  /**
   * Must hold in the transaction of `apply`, before its COMMIT, else it is rolled back: it tells by an oid that a
   * statement, which takes a name, met what was meant.
   */
  proof?: Verification;
  /** Read in the acting session right after the act: what its undo has to know of what was made, by column. */
  pins?: Sql;
  /** `unneeded`: it leaves nothing to take back and harms nothing (ANALYZE), so that nobody has to allow it. */
  undo: Undo | 'irreversible' | 'unneeded';
  /** Its undo would hold what looks like a secret, which the journal does not keep: why it is irreversible. */
  holds_secret?: true;
  verify: Verification;
  /** Sweeps away what a failed `apply` leaves behind, where `guard` finds it: the invalid index of a failed build. */
  cleanup?: Cleanup;
  /** What of the server follows it: a progress view, or who holds it up; such a step can be cancelled while it acts. */
  progress?: 'create_index' | 'drop_index' | 'analyze';
  /** The session that is followed, where it is not the acting one. */
  progress_pid?: number;
  /** Read before and after, for the record: what the act brought. */
  measures?: Measure[];
  /** The strongest lock it takes on what others use. */
  lock: 'none' | 'share' | 'exclusive';
  /** Whether it runs in a transaction; CREATE INDEX CONCURRENTLY cannot. */
  transaction: boolean;
  timeout_ms: number;
};

/** How an act is taken back: what to run, when it may be run, and how to know that it worked. */
export type Undo = Pick<SqlStep, 'apply' | 'afterwards' | 'cleanup' | 'pins' | 'progress' | 'settings'> & {
  guard?: Verification<PinnedSql>;
  verify: Verification<PinnedSql>;
  proof?: Verification<PinnedSql>;
  /** How the undo is taken back in turn; absent: by the act itself, as it was. */
  undo?: Undo;
};

/** SQL with values that only the act can tell: what its `pins` read, null where that is not known. */
export type PinnedSql = SqlWith<Pin>;

export type SqlWith<Value> = Omit<Sql, 'values'> & {values: (Sql['values'][number] | Value)[]};

export type Pin = {pin: string};

/** What `pins` read, by column. */
export type Pins = Record<string, string | null>;

export type Cleanup = {guard: Verification; apply: Sql; settings?: Record<string, string>};

/**
 * The first column of `query`'s rows, a line each: a plan, a counter. `plan`: not its rows but the plan that the
 * server would choose for it, without the literals in it; it is not executed.
 */
export type Measure = {name: string; query: Sql; kind?: 'plan'};

export type FileStep = {
  kind: 'file';
  title: string;
  subject: string;
  path: string;
  change: FileChange;
  /** The change holds what looks like a secret, which the journal does not keep: it cannot be undone. */
  holds_secret?: true;
  /** The change as a person reads it, `-` and `+` first in a line; without secrets. */
  diff: string[];
};

/** What a person must do elsewhere. */
export type AdviceStep = {kind: 'advice'; title: string; subject: string; text: string};

/**
 * A part of a URL's query as it is written (`connection_limit=5`) and what takes its place. Where one of them is '' the
 * other comes or goes at the end with the `?` or `&` before it.
 */
export type QueryEdit = {before: string; after: string};

/** A change of a text file as data that can be turned round. Holds no secret: the journal keeps it. */
export type FileChange =
  /** A file that was not there. */
  | {kind: 'create'; text: string; folder?: FileReplacement['folder']}
  /** Only while it holds exactly this text. */
  | {kind: 'remove'; text: string; folder?: FileReplacement['folder']}
  /** `before` must occur exactly once. */
  | {kind: 'replace'; before: string; after: string}
  /** Parts of the query of the URL that `variable` of an .env file holds, as they are written. */
  | {kind: 'url_query'; variable: string; edits: QueryEdit[]}
  /** The same in older journals, decoded: it cannot give back each byte. null is "not there". */
  | {kind: 'url_parameters'; variable: string; before: UrlParameters; after: UrlParameters}
  /** The journal's stand-in for one that holds a secret: it fits no text. */
  | {kind: 'withheld'};

export type UrlParameters = Record<string, string | null>;

/** null is "no file". `folder`: whether the file's folder comes and goes with it; older journals do not say. */
export type FileReplacement = {
  before: string | null;
  after: string | null;
  folder?: 'new' | 'existing' | undefined;
};
