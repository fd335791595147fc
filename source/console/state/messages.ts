import type {DiagnosisData} from '../../core/recipe/diagnose.ts';
import type {RecordedAt} from '../../model/ports.ts';
import type {ParameterValues, Plan} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {ReplayDocument, ReplayUpdate} from '../../model/replay-report.ts';
import type {RunState} from '../../model/run.ts';
import type {Backend, Snapshot, Statement} from '../../model/snapshot.ts';
import type {ServerIdentity} from '../../model/target.ts';
import type {DataRequest, JournalState, Notice, ViewId} from './state.ts';

/** What a key does. */
export type Command =
  | {kind: 'show-view'; view: ViewId}
  | {kind: 'cycle-view'; by: 1 | -1}
  | {kind: 'move'; by: number}
  | {kind: 'page'; by: 1 | -1}
  | {kind: 'edge'; to: 'first' | 'last'}
  | {kind: 'tag'}
  | {kind: 'open'}
  | {kind: 'sort-next'}
  | {kind: 'sort-previous'}
  | {kind: 'sort-reverse'}
  | {kind: 'prompt'; purpose: 'filter' | 'command'}
  | {kind: 'type'; text: string}
  | {kind: 'paste'; text: string}
  | {kind: 'erase'}
  | {kind: 'submit'}
  | {kind: 'choose'; by: 1 | -1}
  | {kind: 'open-blocker'}
  | {kind: 'toggle-guards'}
  | {kind: 'undo-run'}
  | {kind: 'pause'}
  | {kind: 'step-time'; by: number}
  | {kind: 'leap-time'; by_ms: number}
  | {kind: 'back-to-now'}
  | {kind: 'write-out'; file: string | null}
  | {kind: 'change-interval'; faster: boolean}
  | {kind: 'copy'}
  | {kind: 'end-sessions'; how: 'cancel' | 'terminate'}
  | {kind: 'explain'}
  | {kind: 'open-recipe'}
  | {kind: 'open-finding'; letter: string}
  | {kind: 'help'}
  | {kind: 'back'}
  | {kind: 'redraw'}
  | {kind: 'suspend'}
  | {kind: 'quit'};

/** What the server, the terminal and effects report. */
export type Event =
  | {kind: 'read'; snapshot: Snapshot; effective_interval_ms: number; viaRescueUrl?: boolean}
  | {kind: 'lost'; message: string; hint: string | null; retry_in_ms: number}
  | {kind: 'connecting'; message: string}
  | {kind: 'resized'; columns: number; rows: number}
  | {kind: 'session-described'; id: string; lines: string[]}
  | {kind: 'statement-formatted'; id: string; lines: string[]}
  | {kind: 'explained'; id: string; lines: string[]}
  | ({kind: 'journal-read'} & JournalState)
  | {kind: 'diagnosis-data'; diagnosisData: DiagnosisData}
  | {kind: 'data-loaded'; dataRequest: DataRequest; facts: RecipeData}
  | {kind: 'data-failed'; dataRequest: DataRequest; message: string}
  | {kind: 'run'; run: RunState}
  | {kind: 'run-failed'; message: string}
  | {kind: 'replay-update'; update: ReplayUpdate}
  | {kind: 'replayed'; document: ReplayDocument}
  | {kind: 'replay-failed'; message: string}
  | {kind: 'notice'; notice: Notice}
  | {kind: 'past-read'; moments: readonly RecordedAt[]; snapshots: Snapshot[]}
  | {kind: 'play-on'};

export type Message = Command | Event;

/** What update() asks to be done outside of it. */
export type Effect =
  | {kind: 'quit'}
  | {kind: 'suspend'}
  | {kind: 'redraw'}
  | {kind: 'set-interval'; interval_ms: number}
  | {kind: 'show'; statements: boolean; queryids: string[]}
  | {kind: 'copy'; text: string}
  /** `isPast`: from a past snapshot, so the server is not asked. */
  | {kind: 'describe-session'; id: string; backend: Backend; isPast?: boolean}
  | {kind: 'format-statement'; id: string; query: string}
  | {kind: 'explain'; id: string; statement: Statement}
  | {kind: 'read-journal'}
  | {kind: 'load-diagnosis-data'}
  | {kind: 'load-data'; dataRequest: DataRequest}
  | {kind: 'execute-plan'; plan: Plan; server: ServerIdentity}
  | {kind: 'interrupt-run'}
  | {kind: 'replay'; params: ParameterValues}
  | {kind: 'interrupt-replay'}
  /** The last snapshot at or before `at_ms`, moved by `by` snapshots. */
  | {kind: 'read-past'; at_ms: number; by: number}
  | {kind: 'play-on'; after_ms: number}
  | {kind: 'write-out'; file: string | null};
