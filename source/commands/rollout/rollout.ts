import type {Output, Prompt} from '../../cli/context.ts';
import {printMessage} from '../../cli/context.ts';
import type {HealthReport} from '../../cli/health/health-text.ts';
import {AbortError, exitCodes} from '../../core/errors.ts';
import type {WatchedHealth} from '../../core/health/watching.ts';
import type {JournalEvent, ProcessIdentity, StageEvent} from '../../model/journal-entry.ts';
import type {Journal} from '../../model/ports.ts';
import type {Finding} from '../../model/recipe.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {
  applyStageEvent,
  type RolloutPlan,
  type RolloutStage,
  type RolloutState,
} from '../../rollout/state.ts';

export type RolloutPorts = {
  journal: Pick<Journal, 'append' | 'read'>;
  /** Runs a command of the plan and waits for its end. */
  runCommand(
    stage: RolloutStage,
    command: string,
    onStarted: (process: ProcessIdentity) => void,
  ): Promise<CommandResult>;
  /** Whether a command of an interrupted rollout is still running. */
  isRunning(process: ProcessIdentity): boolean;
  /** Reads the findings before a stage is promoted, and the server's identity. Throws AbortError if it fails. */
  diagnose(stage: RolloutStage): Promise<{findings: Finding[]; server: ServerIdentity}>;
  /**
   * Watches a stage. `onSeen` gets the time in which the server could be read. Throws AbortError (exit 6) if the URL
   * does not lead to `server`.
   */
  watch(
    stage: RolloutStage,
    options: {for_ms: number; server: ServerIdentity | null; onSeen(seen_ms: number): Promise<void>},
  ): Promise<HealthReport & {health: WatchedHealth}>;
  /** Undefined without a terminal. */
  ask?: Prompt | undefined;
  identity: {run: string; actor: string};
  /** The target that a stage watches, for the journal. */
  targetOf(stage: RolloutStage): string;
  output: Output;
  signal: AbortSignal;
};

export type CommandResult = {code: number | null; failure: string | null};

/** A parsed plan. Its hash identifies its rollouts in the journal. */
export type PlanFile = {file: string; plan: RolloutPlan; hash: string};

export type RolloutFlags = {dryRun: boolean; yes: boolean; approved: readonly string[]; json: boolean};

export type Rollout = {ports: RolloutPorts; plan: PlanFile; flags: RolloutFlags; state: RolloutState};

export type StageInRollout = Rollout & {stage: RolloutStage; index: number};

/** Writes an event to the journal. */
export async function journalEvent(
  {ports, state}: Rollout,
  stage: RolloutStage | undefined,
  event: JournalEvent,
): Promise<void> {
  const target = stage === undefined ? '' : ports.targetOf(stage);
  await ports.journal.append({actor: ports.identity.actor, run: state.run, target, ...event});
}

/** Writes a stage's next phase to the journal, then updates the state and prints it on stderr. */
export async function enterPhase(at: StageInRollout, event: Omit<StageEvent, 'stage'>): Promise<void> {
  const staged = {...event, stage: at.index};
  await journalEvent(at, at.stage, {event: 'stage', name: at.stage.name, ...staged});
  applyStageEvent(at.state, staged);
  const detail = event.detail === null ? '' : `: ${event.detail}`;
  printMessage(at.ports.output, `${at.stage.name}: ${event.phase}${detail}`);
}

export function interrupted(message = 'interrupted'): AbortError {
  return new AbortError(message, {
    hint: 'Run the same command again to resume.',
    exitCode: exitCodes.interrupted,
  });
}
