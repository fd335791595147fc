import {type JournalFile, openJournal} from '../../journal/journal-file.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {type CliContext, printMessage} from '../context.ts';

/**
 * Opens the journal of `--journal FILE`, `POOLCTL_JOURNAL`, or the user's state directory. Does not read or create the
 * file yet. Notices go to `onNotice`, by default to stderr.
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
