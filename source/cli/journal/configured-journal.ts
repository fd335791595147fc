import {type JournalFile, openJournal} from '../../journal/journal-file.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {type CliContext, printMessage} from '../context.ts';

/**
 * The journal of a call: `--journal FILE`, `POOLCTL_JOURNAL`, or the user's own. Nothing is read or created yet; notices
 * go to stderr unless `onNotice` takes them.
 */
export function openConfiguredJournal(
  {env, cwd, output}: CliContext,
  flags: {journal?: string | undefined},
  onNotice: (text: string) => void = text => printMessage(output, text),
): JournalFile {
  const state = env.XDG_STATE_HOME || `${localMachine(env, cwd).home}/.local/state`;
  const file = flags.journal ?? (env.POOLCTL_JOURNAL || `${state}/poolctl/journal.jsonl`);
  return openJournal(file, {onNotice});
}
