import type {Recording, SampleEvent, Sampler} from '../model/ports.ts';
import type {Finding, ParameterValues, Plan, Recipe, Severity} from '../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../model/recipe-data.ts';
import type {ReplayDocument, ReplayUpdate} from '../model/replay-report.ts';
import type {RunState} from '../model/run.ts';
import type {Backend, Statement} from '../model/snapshot.ts';
import type {ServerIdentity} from '../model/target.ts';
import type {Remembered} from './state/browsing.ts';
import type {JournalState} from './state/run.ts';
import type {ScanResult} from './state/scan.ts';

/** The snapshots of the last hour, or of a recording that is played. */
export type PastPort = {
  /** Loaded when it is first needed. */
  recording(): Promise<Recording>;
  /** Adds a snapshot or a lost connection. Returns immediately and never throws. */
  record(event: SampleEvent, severity: Severity | null): void;
  /** Resolves to the file's path. */
  write(file: string | null): Promise<string>;
};

/** What the console needs from outside: it imports no driver, file or process itself. */
export type ConsolePorts = {
  sampler: Sampler;
  recipes: Recipe[];
  explain(statement: Statement): Promise<string[]>;
  /** The session's whole statement, and its locks as lines of text. */
  describeSession(backend: Backend): Promise<{query: string | null; locks: string[]; timeouts: string[]}>;
  /** `answers`: the findings with harm that the plan answers. */
  execute(
    plan: Plan,
    options: {server: ServerIdentity; answers: readonly Finding[]; signal: AbortSignal},
  ): AsyncIterable<RunState>;
  /** Replays an endpoint with a recipe's parameters. When aborted, resolves to the results so far. */
  replay(
    params: ParameterValues,
    options: {signal: AbortSignal; onUpdate: (update: ReplayUpdate) => void},
  ): Promise<ReplayDocument>;
  /** Scans the application's source in another process; absent where no folder was given. */
  scan?: {directory: string; run(): Promise<ScanResult>};
  readJournal(): Promise<JournalState>;
  /** Reads what recipes require beyond the snapshot. */
  loadData(needs: DataRequirements): Promise<RecipeData>;
  /** Copies text by way of the terminal, to which `write` writes; resolves to what was done. */
  copy(text: string, write: (bytes: string) => void): Promise<string>;
  past: PastPort;
  /** How views are sorted and filtered, for the next console; absent where nothing is kept. */
  remembered?: {read(): Promise<Remembered>; write(remembered: Remembered): Promise<void>};
  /** Called with the findings of each reading. */
  onFindings?(findings: readonly Finding[]): void;
  /** Called after the first frame, for work that would have delayed it. */
  onFirstFrame?(): void;
  /** `listener` gets what the console waits for before the first snapshot. */
  onConnecting(listener: (message: string) => void): void;
  /** `listener` gets warnings while a plan is executed. */
  onNotice(listener: (text: string) => void): void;
};
