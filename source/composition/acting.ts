import {randomBytes} from 'node:crypto';
import {hostname} from 'node:os';
import {setTimeout as sleep} from 'node:timers/promises';
import type {Flags} from '../commands/parse-call.ts';
import type {EnginePorts} from '../core/engine.ts';
import {sanitise} from '../core/sanitise.ts';
import {type JournalFile, openJournal, sha256} from '../journal/journal-file.ts';
import {type Connection, connect} from '../postgres/connect.ts';
import type {ConnectionRequest} from '../postgres/connection-request.ts';
import {createExecutor} from '../postgres/executor.ts';
import {localMachine} from '../postgres/local-machine.ts';
import {files} from './files.ts';
import type {Shell} from './shell.ts';

export type Engine = Omit<EnginePorts, 'slots' | 'recheck'> & {journal: JournalFile};

type EngineOptions = {
  flags: Flags;
  /** The connection that follows what the acting one is at. */
  watching(): Connection | null;
  onNotice?: (text: string) => void;
};

/** What acts need: a connection of their own, the journal, a clock, the files; and who acts. */
export function openEngine(
  shell: Shell,
  request: ConnectionRequest,
  {flags, watching, onNotice}: EngineOptions,
): {engine: Engine; identity: {run: string; actor: string}} {
  const executor = createExecutor(() => connect(request, {purpose: 'act'}));
  return {
    engine: {
      executor,
      files,
      progress: async ({progress, progress_pid}) => {
        const [connection, pid] = [watching(), progress_pid ?? executor.pid()];
        if (progress === undefined || connection === null || pid === null) return null;
        const {readProgress} = await import('../postgres/progress.ts');
        return readProgress(connection, {view: progress, pid});
      },
      journal: openJournalOf(shell, flags, onNotice),
      clock: {
        now: () => new Date(),
        sleep: (ms: number, signal?: AbortSignal) =>
          sleep(ms, undefined, signal === undefined ? {} : {signal}),
      },
      sha256,
    },
    identity: identityOf(shell),
  };
}

/** Who acts, and a new run's id. */
export function identityOf({env, cwd}: Shell): {run: string; actor: string} {
  return {
    run: randomBytes(4).toString('hex'),
    actor: `${localMachine(env, cwd).os_user}@${hostname()}`,
  };
}

/** `--journal FILE`, `POOLCTL_JOURNAL`, or the user's own. Nothing is read or made yet. */
export function openJournalOf(
  {env, output}: Shell,
  flags: Flags,
  onNotice: (text: string) => void = text => output.talk(sanitise(`poolctl: ${text}`)),
): JournalFile {
  const state = env.XDG_STATE_HOME || `${env.HOME ?? '.'}/.local/state`;
  const file = flags.journal ?? (env.POOLCTL_JOURNAL || `${state}/poolctl/journal.jsonl`);
  return openJournal(file, {onNotice});
}
