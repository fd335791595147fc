import type {HistorySample} from '../../core/activity/budget.ts';
import type {Diagnosis, DiagnosisData} from '../../core/recipe/diagnose.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {RecordedAt} from '../../model/ports.ts';
import type {Finding, ParameterValues, Plan, Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {ReplayDocument, ReplayResult, ReplayUpdate} from '../../model/replay-report.ts';
import type {RunState} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {ServerIdentity} from '../../model/target.ts';

/** Header, tabs and key line. */
const chromeRows = 3;

export const viewIds = ['overview', 'sessions', 'statements', 'locks', 'recipes', 'journal'] as const;
export type ViewId = (typeof viewIds)[number];

/** Rows for header, tabs and keys, and for the scrubber while the past is shown. */
export function rowsAround({past}: Pick<ConsoleState, 'past'>): number {
  return chromeRows + (past === null ? 0 : 1);
}

/** The state of the connection. */
type Link =
  | LiveLink
  | {kind: 'connecting'; message: string}
  | {kind: 'lost'; message: string; hint: string | null; retry_in_ms: number};

/**
 * `viaRescueUrl`: connected by the rescue URL. `another_server`: how this server differs from the one that the
 * console started on; null where it is the same.
 */
export type LiveLink = {kind: 'live'; viaRescueUrl: boolean; another_server: string | null};

/** Cursor and tags are identities, never row numbers: rows come and go. */
export type TableState = {
  sort: {column: string; isDescending: boolean};
  filter: string;
  cursor: string | null;
  tagged: string[];
  /** Ids in the order they had when a row was selected; null while the order is live. */
  frozenOrder: string[] | null;
};

export type WizardStage = 'evidence' | 'parameters' | 'preview' | 'confirm' | 'running' | 'done';

/** Data being read for a wizard. The answer carries the same object. */
export type DataRequest = {
  needs: DataRequirements;
  /** Whether the plan is made with it; otherwise it is for the defaults of parameters. */
  isForPlan: boolean;
};

/** A recipe being walked through, stage by stage. */
export type RecipeWizard = {
  recipe: string;
  /** The run that it undoes; null where it runs a recipe. */
  undoes: string | null;
  /** The id of the finding it was opened from, shown first. */
  finding: string | null;
  stage: WizardStage;
  /** Values that were typed or came with the finding. */
  params: ParameterValues;
  /** Defaults: the recipe's own, overridden by those drawn from its data. */
  defaults: ParameterValues;
  /** What the recipe requires beyond the snapshot; null until it has been read. */
  data: RecipeData | null;
  dataRequest: DataRequest | null;
  /** Index of the parameter being edited. */
  field: number;
  /** Why the wizard cannot go on. */
  error: string | null;
  plan: Plan | null;
  /** The server that the plan was made for. */
  server: ServerIdentity | null;
  /** The confirmation typed so far. */
  typed: string;
  run: RunState | null;
  /** Esc was pressed during a run: the next one stops it. */
  asksToStop: boolean;
  /** The run is being stopped; `cancel` cancels the current step. */
  stopping: 'cancel' | 'after-step' | null;
  /** Whether the preview has guards too long for one line, and whether they are shown in full. */
  hasFolded: boolean;
  isUnfolded: boolean;
  scroll: number;
};

export type Overlay =
  | {kind: 'help'; scroll: number}
  | {kind: 'prompt'; purpose: 'filter' | 'command'; text: string; before: string; error: string | null}
  /** `wizard`: the wizard it was opened from, which stays open behind it. */
  | {kind: 'session'; id: string; scroll: number; detail: string[] | null; wizard: RecipeWizard | null}
  | {kind: 'statement'; id: string; scroll: number; text: string[] | null; explain: string[] | null}
  | {kind: 'run'; run: string; scroll: number}
  | {kind: 'wizard'; wizard: RecipeWizard}
  | ReplayPage;

export type Notice = {text: string; severity: 'info' | 'warning' | 'danger'};

/** The past is shown. */
export type Past = {
  /** The recorded snapshots with the severity of their findings. */
  moments: readonly RecordedAt[];
  /** Time of the snapshot shown, by the server's clock. */
  at_ms: number;
  isPlaying: boolean;
  /** Recorded seconds per second. */
  speed: number;
  /** What L returns to; null in a recording. */
  now: Pick<ConsoleState, 'snapshot' | 'history' | 'trends'> | null;
};

export type JournalState = {
  entries: JournalEntry[];
  /** The chain does not verify: entries are shown, but no run can be undone. */
  isBroken?: boolean;
  problem: string | null;
  /** Steps that started without a recorded outcome, and that no process is working on. */
  unfinished: number;
  /** Runs in progress on this machine, with the pid of their process. */
  underWay?: ReadonlyMap<string, number>;
  /** This machine's name: files can be undone only where they were changed. */
  host?: string;
};

export type ConsoleState = {
  columns: number;
  rows: number;
  link: Link;
  /** The server's address, shown before the first snapshot. */
  address: string;
  /** Where the address is from: `.env`, `DATABASE_URL`; null where it was an argument. */
  source: string | null;
  isProduction: boolean;
  /** The environment's name where it is not production. */
  environment: string | null;
  /** The confirmation to type before a change on a production target. */
  targetName: string;
  /** The server of the first snapshot: nothing is changed on any other. */
  server: ServerIdentity | null;
  snapshot: Snapshot | null;
  findings: Finding[];
  /** Recipes whose diagnosis failed. */
  undiagnosed: Diagnosis['failed'];
  /** Data that diagnoses require beyond the snapshot, and what could not be read. */
  diagnosisData: DiagnosisData;
  /** When it was last requested, by the server's clock; null requests it with the next snapshot. */
  diagnosis_data_at_ms: number | null;
  /** Letters of the findings, by finding id. */
  letters: Record<string, string>;
  history: HistorySample[];
  /** Statement execution time per second by statement, for the trend in the detail. */
  trends: Record<string, number[]>;
  view: ViewId;
  tables: Record<ViewId, TableState>;
  overlay: Overlay | null;
  notice: Notice | null;
  interval_ms: number;
  effective_interval_ms: number;
  isPaused: boolean;
  /** null while the screen is live. */
  past: Past | null;
  recipes: Recipe[];
  journal: JournalState | null;
};

function createTableState(column: string, isDescending: boolean): TableState {
  return {sort: {column, isDescending}, filter: '', cursor: null, tagged: [], frozenOrder: null};
}

export function createState(options: {
  columns: number;
  rows: number;
  address: string;
  source?: string | null;
  isProduction: boolean;
  environment?: string | null;
  interval_ms: number;
  recipes: Recipe[];
  isRecording?: boolean;
}): ConsoleState {
  return {
    ...options,
    link: {
      kind: 'connecting',
      message: options.isRecording ? 'reading the recording' : `connecting to ${options.address}`,
    },
    environment: options.environment ?? null,
    source: options.source ?? null,
    targetName: options.address,
    server: null,
    snapshot: null,
    findings: [],
    undiagnosed: [],
    diagnosisData: {facts: {}, unread: []},
    diagnosis_data_at_ms: null,
    letters: {},
    history: [],
    trends: {},
    view: 'overview',
    tables: {
      overview: createTableState('severity', true),
      sessions: createTableState('xact', true),
      statements: createTableState('load', true),
      locks: createTableState('waiters', true),
      recipes: createTableState('severity', true),
      journal: createTableState('seq', true),
    },
    overlay: null,
    notice: null,
    effective_interval_ms: options.interval_ms,
    isPaused: false,
    past: options.isRecording ? {moments: [], at_ms: 0, isPlaying: true, speed: 1, now: null} : null,
    journal: null,
  };
}

/** The page of a replay: its progress, then its results. */
export type ReplayPage = {
  kind: 'replay';
  /** The wizard it was started from, which Esc returns to. */
  from: RecipeWizard;
  /** The case being measured. */
  benchmark: Extract<ReplayUpdate, {kind: 'case'}> | null;
  stage: string;
  progress: Extract<ReplayUpdate, {kind: 'progress'}> | null;
  /** Requests per second, oldest first. */
  rates: number[];
  results: ReplayResult[];
  /** Set when the replay has ended. */
  document: ReplayDocument | null;
  error: string | null;
  isStopping: boolean;
  scroll: number;
};

export function hasEnded({document, error}: ReplayPage): boolean {
  return document !== null || error !== null;
}

/** The parameters for tune-connection-limit; null where nothing is recommended. */
export function recommended({document}: ReplayPage): ParameterValues | null {
  const recommendation = document?.recommendation ?? null;
  return recommendation && {connection_limit: String(recommendation.connection_limit)};
}
