import {openJournal} from '../../source/journal/journal-file.ts';
import {draftOf} from './drafts.ts';

/** Appends entries, as a second poolctl on this host would: `append-process.ts FILE NAME COUNT`. */
const [file = '', name = '', count = '0'] = process.argv.slice(2);
const journal = openJournal(file);
process.stdout.write('ready\n');
await new Promise(resolve => process.stdin.once('data', resolve));
for (let step = 0; step < Number(count); step++) await journal.append(draftOf(name, step));
process.exit();
