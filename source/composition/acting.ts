import {randomBytes} from 'node:crypto';
import {hostname} from 'node:os';
import {setTimeout as sleep} from 'node:timers/promises';
import type {Flags} from '../commands/parse-call.ts';
import {sanitise} from '../core/sanitise.ts';
import {type JournalFile, openJournal, sha256} from '../journal/journal-file.ts';
import {connect} from '../postgres/connect.ts';
import type {ConnectionRequest} from '../postgres/connection-request.ts';
import {createExecutor} from '../postgres/executor.ts';
import {localMachine} from '../postgres/local-machine.ts';
import type {Shell} from './shell.ts';

/** What acts need: a connection of their own, the journal, a clock; and who acts. */
export function openEngine(
  shell: Shell,
  request: ConnectionRequest,
  {flags, onNotice}: {flags: Flags; onNotice?: (text: string) => void},
) {
  return {
    engine: {
      executor: createExecutor(() => connect(request, {purpose: 'act'})),
      journal: openJournalOf(shell, flags, onNotice),
      clock: {
        now: () => new Date(),
        sleep: (ms: number, signal?: AbortSignal) =>
          sleep(ms, undefined, signal === undefined ? {} : {signal}),
      },
      sha256,
    },
    identity: {
      run: randomBytes(4).toString('hex'),
      actor: `${localMachine(shell.env, shell.cwd).os_user}@${hostname()}`,
    },
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
