import {randomBytes} from 'node:crypto';
import {hostname} from 'node:os';
import {setTimeout as sleep} from 'node:timers/promises';
import {textWidth} from '../../console/screen/cell-width.ts';
import {wrapText} from '../../console/screen/line.ts';
import {canShowUnicode} from '../../console/screen/theme.ts';
import type {DriftPorts} from '../../core/engine/drift.ts';
import {reconcileIntent} from '../../core/engine/recover-runs.ts';
import {AbortError, exitCodes} from '../../core/errors.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import {toAscii} from '../../core/text/sanitise.ts';
import {sha256} from '../../journal/chain.ts';
import type {JournalFile} from '../../journal/journal-file.ts';
import {ownProcess} from '../../journal/lock.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {EnginePorts, RunIdentity} from '../../model/ports.ts';
import type {ExitCode} from '../../model/run.ts';
import {type Connection, connect} from '../../postgres/connect/connect.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {createExecutor} from '../../postgres/executor/executor.ts';
import {poolerRequest} from '../../postgres/facts/pooler.ts';
import {connectToWatch, readSnapshot} from '../connection.ts';
import {writeWithoutWaiting} from '../console-terminal.ts';
import {type CliContext, createPrompt, type Output, printMessage} from '../context.ts';
import {catchInterrupts} from '../interrupts.ts';
import {openConfiguredJournal} from '../journal.ts';
import {localFiles} from '../local-files.ts';
import {loadRecipeData} from '../recipe-data.ts';
import type {ExecutePorts} from './execute-plan.ts';

export type Engine = Omit<EnginePorts, 'slots' | 'recheck'> & {journal: JournalFile};

type EngineOptions = {
  flags: {journal?: string | undefined};
  /** The read-only connection, which reads the progress of the executing one. */
  watching(): Connection | null;
  onNotice?: (text: string) => void;
};

/** The engine's ports (its own connection, the journal, files, a clock) and the identity of the run. */
export function openEngine(
  context: CliContext,
  request: ConnectionRequest,
  {flags, watching, onNotice}: EngineOptions,
): {engine: Engine; identity: Omit<RunIdentity, 'target' | 'server'>} {
  const executor = createExecutor(
    () => connectForExecution(request, watching()),
    () => poolerRequest({request, is_pooled: watching()?.is_pooled ?? false}),
  );
  return {
    engine: {
      executor,
      files: localFiles,
      ...(request.read_only !== null && {read_only: request.read_only}),
      progress: async ({progress, progress_pid}) => {
        const [connection, pid] = [watching(), progress_pid ?? executor.pid()];
        if (progress === undefined || connection === null || pid === null) return null;
        const {readStepProgress} = await import('../../postgres/facts/progress.ts');
        return readStepProgress(connection, pid);
      },
      journal: openConfiguredJournal(context, flags, onNotice),
      clock: {
        now: () => new Date(),
        sleep: (ms: number, signal?: AbortSignal) =>
          sleep(ms, undefined, signal === undefined ? {} : {signal}),
      },
      sha256,
    },
    identity: createRunIdentity(context),
  };
}

/**
 * Opens a connection that may write. If no slot is left, returns the read-only connection: it can still end sessions,
 * which is what a full server needs.
 */
async function connectForExecution(
  request: ConnectionRequest,
  watching: Connection | null,
): Promise<Connection> {
  const shared = watching === null || watching.is_pooled ? null : shareConnection(watching);
  try {
    const connection = await connect(request, {purpose: 'act'});
    // The rescue URL may name another database than the plan is for.
    const isElsewhere =
      connection.route === 'rescue' && connection.request.database !== shared?.request.database;
    if (shared === null || !isElsewhere) return connection;
    await connection.close();
    return shared;
  } catch (error) {
    const isFull = error instanceof AbortError && error.exitCode === exitCodes.noSlot;
    if (!isFull || shared === null) throw error;
    return shared;
  }
}

/** Shares the read-only connection: `close` only resets its timeout. */
function shareConnection(watching: Connection): Connection {
  const reset = () => watching.client.query('RESET statement_timeout').then(() => {});
  return {...watching, close: () => reset().catch(() => {})};
}

/** The user and process that execute a plan, and a new run id. */
export function createRunIdentity({env, cwd}: CliContext): Omit<RunIdentity, 'target' | 'server'> {
  return {
    run: randomBytes(4).toString('hex'),
    actor: `${localMachine(env, cwd).os_user}@${hostname()}`,
    process: ownProcess(),
  };
}

/**
 * Handles steps of earlier runs without a recorded outcome. On this target poolctl checks the outcome and records it.
 * It only reports steps on other targets, and those that another local process is executing. Throws AbortError (exit 8)
 * if the journal cannot be read or does not verify; a dry run only reports that.
 */
export async function recoverUnfinishedRuns(
  engine: Engine,
  {isDryRun, ...identity}: RunIdentity & {isDryRun: boolean},
  report: (text: string) => void,
): Promise<void> {
  const {journal} = engine;
  const entries = await journal.read().catch((error: unknown) => {
    if (!isDryRun || !(error instanceof AbortError)) throw error;
    report(error.message);
    return [];
  });
  for (const intent of journal.unfinishedOf(entries)) {
    const what = `run ${intent.run} step ${intent.step + 1} at ${intent.at} on ${intent.target}: ${intent.title}`;
    if (intent.acting_pid !== null) {
      // The console may end a session that its own run waits for.
      if (intent.acting_pid !== process.pid) report(`process ${intent.acting_pid} is executing ${what}`);
      continue;
    }
    const isHere = !isDryRun && intent.target === identity.target;
    const outcome = isHere
      ? await reconcileIntent(intent, {...identity, entries}, engine)
      : 'outcome unknown, check the server';
    report(`interrupted before its outcome was recorded (${outcome}): ${what}`);
  }
}

export type RunSession = ExecutePorts &
  DriftPorts & {
    /** The runs that a process is executing right now, with its pid. */
    underWay(entries: readonly JournalEntry[]): ReadonlyMap<string, number>;
  };

type SessionFlags = {
  wait?: string | undefined;
  journal?: string | undefined;
  dryRun?: boolean | undefined;
  json?: boolean | undefined;
};

/** Runs `work` with the ports to execute a plan. The first snapshot also recovers unfinished runs. */
export async function withRunSession(
  outer: CliContext,
  request: ConnectionRequest,
  flags: SessionFlags,
  work: (session: RunSession) => Promise<ExitCode>,
): Promise<ExitCode> {
  let watching: Connection | null = null;
  writeWithoutWaiting(outer);
  const context = flags.json ? outer : {...outer, output: terminalOutput(outer)};
  const {engine, identity} = openEngine(context, request, {flags, watching: () => watching});
  const {signal, release} = catchInterrupts(context, {within_ms: 10_000});
  const connection = async () => {
    watching ??= await connectToWatch(context, request, {flags, signal, willExecute: true});
    return watching;
  };
  // After an interruption poolctl still counts the slots, for the journal's last entry.
  const readSignal = () => (signal.aborted ? neverAborted : signal);
  let isRecovered = false;
  const read = async () => {
    const snapshot = await readSnapshot(await connection(), {signal: readSignal()});
    if (!isRecovered) {
      isRecovered = true;
      const {target} = snapshot;
      const here = {
        ...identity,
        target: target.id,
        server: serverOf(target),
        isDryRun: flags.dryRun ?? false,
      };
      await recoverUnfinishedRuns(engine, here, text => printMessage(context.output, text));
    }
    return snapshot;
  };
  try {
    return await work({
      read,
      load: async needs => loadRecipeData(await connection(), needs),
      underWay: engine.journal.underWay,
      engine,
      identity,
      ask: createPrompt(context, signal),
      output: context.output,
      signal,
    });
  } finally {
    await engine.executor.close();
    await (watching as Connection | null)?.close();
    release();
  }
}

const neverAborted = new AbortController().signal;

/**
 * Output that is wrapped to the terminal's width, and in ASCII if the locale is not UTF-8. Output to a file or a pipe is
 * unchanged.
 */
function terminalOutput({output, stdout, stderr, env}: CliContext): Output {
  const shown = (text: string, {isTTY, columns}: NodeJS.WriteStream) => {
    if (!isTTY) return text;
    return wrapLines(canShowUnicode(env) ? text : toAscii(text), columns || 80);
  };
  return {
    ...output,
    stdout: text => output.stdout(shown(text, stdout)),
    stderr: text => output.stderr(shown(text, stderr)),
  };
}

/** Continuation lines are indented by two cells. */
export function wrapLines(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap(line => {
      if (textWidth(line) <= width) return [line];
      const [margin = ''] = /^ */.exec(line) ?? [];
      const [first = '', ...rest] = wrapText(
        line.slice(margin.length),
        Math.max(20, width - margin.length - 2),
      );
      return [margin + first, ...rest.map(more => `${margin}  ${more}`)];
    })
    .join('\n');
}
