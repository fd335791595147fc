import {join} from 'node:path';
import {showJournal} from '../../../source/commands/journal/command.ts';
import {openJournal} from '../../../source/journal/journal-file.ts';
import {exitCode, output, temporaryFolder} from '../../cli/execution/acting.ts';

/** A new journal, and `poolctl journal` on it. `document` is the last JSON that it printed. */
export async function createJournal() {
  const file = join(await temporaryFolder(), 'journal.jsonl');
  const journal = openJournal(file);
  const stdout: string[] = [];
  const stderr: string[] = [];
  const show = (words: string[], json = true, flags: {format?: string; head?: string} = {}) =>
    exitCode(showJournal({journal, output: output(stdout, stderr)}, words, {json, ...flags}));
  return {file, journal, stdout, stderr, show, document: () => JSON.parse(stdout.at(-1) ?? 'null')};
}
