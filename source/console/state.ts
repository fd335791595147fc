import type {HistorySample} from '../core/activity/budget.ts';
import type {Diagnosis} from '../core/recipe/diagnose.ts';
import type {DiagnosisData} from '../core/recipe/load-data.ts';
import type {Finding} from '../model/finding.ts';
import type {JournalEntry} from '../model/journal-entry.ts';
import type {ParameterValues} from '../model/parameter.ts';
import type {Plan} from '../model/plan.ts';
import type {Recipe} from '../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../model/recipe-data.ts';
import type {RecordedAt} from '../model/recording.ts';
import type {ReplayDocument, ReplayResult, ReplayUpdate} from '../model/replay-report.ts';
import type {RunState} from '../model/run.ts';
import type {Snapshot} from '../model/snapshot.ts';
import type {ServerIdentity} from '../model/target.ts';

/** Header, tabs and key line. */
const chromeRows = 3;

export const viewIds = ['overview', 'sessions', 'statements', 'locks', 'recipes', 'journal'] as const;
export type ViewId = (typeof viewIds)[number];

/** The chrome, and the scrubber where the past is on show. */
export function rowsAround({past}: Pick<ConsoleState, 'past'>): number {
  return chromeRows + (past === null ? 0 : 1);
}

/** How the console stands to its server. */
type Link =
  | LiveLink
  | {kind: 'connecting'; message: string}
  | {kind: 'lost'; message: string; hint: string | null; retry_in_ms: number};

/**
 * `viaRescueUrl`: by the address kept for when every slot is taken. `another_server`: how it is not the one that the
 * console began on.
 */
export type LiveLink = {kind: 'live'; viaRescueUrl: boolean; another_server: string | null};

/** Cursor and tags hold identities, never row numbers: rows come and go under them. */
export type TableState = {
  sort: {column: string; isDescending: boolean};
  filter: string;
  cursor: string | null;
  tagged: string[];
  /** Ids in the order they had when a row was taken hold of; null while the order is live. */
  frozenOrder: string[] | null;
};

export type WizardStage = 'evidence' | 'parameters' | 'preview' | 'confirm' | 'running' | 'done';

/** Facts being read for a wizard. The very object that was asked with comes back with the answer. */
export type DataRequest = {
  needs: DataRequirements;
  /** The plan is made when they come; else they are for the defaults of parameters. */
  isForPlan: boolean;
};

/** A recipe being walked through: back is possible at every stage before it runs. */
export type RecipeWizard = {
  recipe: string;
  /** The run that it takes back; null where it does something of its own. */
  undoes: string | null;
  /** What it was opened from, shown first; null where it was opened by itself. */
  finding: string | null;
  stage: WizardStage;
  /** What was typed or came with the finding. */
  params: ParameterValues;
  /** What holds where nothing is set: the recipe's own, and over them those drawn from the evidence. */
  defaults: ParameterValues;
  /** What the recipe knows beyond the reading; null until that has been read. */
  data: RecipeData | null;
  dataRequest: DataRequest | null;
  /** The parameter being edited. */
  field: number;
  /** What is wrong with the parameters as typed, or why there is nothing to do. */
  error: string | null;
  plan: Plan | null;
  /** The server that the plan was made on. */
  server: ServerIdentity | null;
  /** What has been typed as confirmation. */
  typed: string;
  run: RunState | null;
  /** Esc was pressed in a run: another one stops it. */
  asksToStop: boolean;
  /** It has been asked to stop: `cancel` ends the very step under way. */
  stopping: 'cancel' | 'after-step' | null;
  /** Its preview has guards too long for one line, and whether they are shown whole. */
  hasFolded: boolean;
  isUnfolded: boolean;
  scroll: number;
};

export type Overlay =
  | {kind: 'help'; scroll: number}
  | {kind: 'prompt'; purpose: 'filter' | 'command'; text: string; before: string; error: string | null}
  /** `wizard`: the one it was opened from, which goes on behind it. */
  | {kind: 'session'; id: string; scroll: number; detail: string[] | null; wizard: RecipeWizard | null}
  | {kind: 'statement'; id: string; scroll: number; text: string[] | null; explain: string[] | null}
  | {kind: 'run'; run: string; scroll: number}
  | {kind: 'wizard'; wizard: RecipeWizard}
  | ReplayPage;

export type Notice = {text: string; severity: 'info' | 'warning' | 'danger'};

/** A reading of the past is on show. */
export type Past = {
  /** What is kept, and what was found in it. */
  moments: readonly RecordedAt[];
  /** Of the reading on show, by the server's clock. */
  at_ms: number;
  isPlaying: boolean;
  /** How many seconds go by in one. */
  speed: number;
  /** What L goes back to; null in a recording, which has no now. */
  now: Pick<ConsoleState, 'snapshot' | 'history' | 'trends'> | null;
};

export type JournalState = {
  entries: JournalEntry[];
  /** Its chain does not verify: it is shown, and nothing is undone from it. */
  isBroken?: boolean;
  problem: string | null;
  /** Acts that never told their outcome, and nobody is at. */
  unfinished: number;
  /** Runs that a process of this machine is at, with its pid. */
  underWay?: ReadonlyMap<string, number>;
  /** The name of this machine: files are undone where they were changed. */
  host?: string;
};

export type ConsoleState = {
  columns: number;
  rows: number;
  link: Link;
  /** Where it is connected, as far as known before the first reading. */
  address: string;
  /** Where that is from: `.env`, `DATABASE_URL`; null where the call names it. */
  source: string | null;
  isProduction: boolean;
  /** What the configuration calls a server that is not production. */
  environment: string | null;
  /** The word that must be typed before an act on a production target. */
  targetName: string;
  /** The server of the first reading: acts are for no other. */
  server: ServerIdentity | null;
  snapshot: Snapshot | null;
  findings: Finding[];
  /** Recipes whose diagnosis failed. */
  undiagnosed: Diagnosis['failed'];
  /** What diagnoses rest on beyond the reading, and what of that could not be read. */
  diagnosisData: DiagnosisData;
  /** When that was last asked for, on the server's clock; null asks at the next reading. */
  diagnosis_data_at_ms: number | null;
  /** The key of each finding, by its id, for as long as it lives. */
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
  /** null at now. */
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

/** A replay being looked at: while it runs, and what came of it. */
export type ReplayPage = {
  kind: 'replay';
  /** The wizard it was begun from, which Esc goes back to. */
  from: RecipeWizard;
  /** The measurement under way. */
  benchmark: Extract<ReplayUpdate, {kind: 'case'}> | null;
  stage: string;
  progress: Extract<ReplayUpdate, {kind: 'progress'}> | null;
  /** Requests per second, as they came in. */
  rates: number[];
  results: ReplayResult[];
  /** When it has ended. */
  document: ReplayDocument | null;
  error: string | null;
  isStopping: boolean;
  scroll: number;
};

export function hasEnded({document, error}: ReplayPage): boolean {
  return document !== null || error !== null;
}

/** What tune-connection-limit is opened with; null where nothing is recommended. */
export function recommended({document}: ReplayPage): ParameterValues | null {
  const recommendation = document?.recommendation ?? null;
  return recommendation && {connection_limit: String(recommendation.connection_limit)};
}
