import {randomBytes} from 'node:crypto';
import {hostname} from 'node:os';
import {setTimeout as sleep} from 'node:timers/promises';
import type {EnginePorts, RunIdentity} from '../../core/engine/execute.ts';
import {AbortError, exitCodes} from '../../core/errors.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {type JournalFile, openJournal} from '../../journal/journal-file.ts';
import {ownProcess} from '../../journal/process-liveness.ts';
import {sha256} from '../../journal/sha256.ts';
import {type Connection, connect} from '../../postgres/connect/connect.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {createExecutor} from '../../postgres/executor/executor.ts';
import type {Flags} from '../call/parse-call.ts';
import type {CliContext} from '../context.ts';
import {localFiles} from '../local-files.ts';

export type Engine = Omit<EnginePorts, 'slots' | 'recheck'> & {journal: JournalFile};

type EngineOptions = {
  flags: Flags;
  /** The connection that follows what the acting one is at. */
  watching(): Connection | null;
  onNotice?: (text: string) => void;
};

/** What acts need: a connection of their own, the journal, a clock, the files; and who acts. */
export function openEngine(
  context: CliContext,
  request: ConnectionRequest,
  {flags, watching, onNotice}: EngineOptions,
): {engine: Engine; identity: Omit<RunIdentity, 'target' | 'server'>} {
  const executor = createExecutor(() => connectToAct(request, watching()));
  return {
    engine: {
      executor,
      files: localFiles,
      progress: async ({progress, progress_pid}) => {
        const [connection, pid] = [watching(), progress_pid ?? executor.pid()];
        if (progress === undefined || connection === null || pid === null) return null;
        const {readProgress} = await import('../../postgres/executor/progress.ts');
        return readProgress(connection, {view: progress, pid});
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
 * A connection of its own; on a full server the one that watches, which has its slot already. That one is read-only:
 * ending sessions is allowed to it, and that is what a full server needs.
 */
async function connectToAct(request: ConnectionRequest, watching: Connection | null): Promise<Connection> {
  const lent = watching === null || watching.is_pooled ? null : lend(watching);
  try {
    const connection = await connect(request, {purpose: 'act'});
    // The rescue address may be of another database, where what the plan is for is not.
    const isBeside = connection.route === 'rescue' && connection.request.database !== lent?.request.database;
    if (lent === null || !isBeside) return connection;
    await connection.close();
    return lent;
  } catch (error) {
    const isFull = error instanceof AbortError && error.exitCode === exitCodes.noSlot;
    if (!isFull || lent === null) throw error;
    return lent;
  }
}

/** The watching connection for an act: given back with its own timeout instead of closed. */
function lend(watching: Connection): Connection {
  const giveBack = () => watching.client.query('RESET statement_timeout').then(() => {});
  return {...watching, close: () => giveBack().catch(() => {})};
}

/** Who acts, and a new run's id. */
export function createRunIdentity({env, cwd}: CliContext): Omit<RunIdentity, 'target' | 'server'> {
  return {
    run: randomBytes(4).toString('hex'),
    actor: `${localMachine(env, cwd).os_user}@${hostname()}`,
    process: ownProcess(),
  };
}

/** `--journal FILE`, `POOLCTL_JOURNAL`, or the user's own. Nothing is read or made yet. */
export function openConfiguredJournal(
  {env, cwd, output}: CliContext,
  flags: Flags,
  onNotice: (text: string) => void = text => output.stderr(sanitise(`poolctl: ${text}`)),
): JournalFile {
  const state = env.XDG_STATE_HOME || `${localMachine(env, cwd).home}/.local/state`;
  const file = flags.journal ?? (env.POOLCTL_JOURNAL || `${state}/poolctl/journal.jsonl`);
  return openJournal(file, {onNotice});
}
