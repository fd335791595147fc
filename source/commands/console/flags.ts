import type {Usage} from '../../cli/call/command.ts';
import {intervalFlag, journalFlag, recipesFlag, waitingServerFlags} from '../../cli/call/shared-flags.ts';

export const usage = {
  name: 'console',
  summary: 'Open the console',
  arguments: [{shown: '[url]'}],
  flags: {...intervalFlag, ...recipesFlag, ...journalFlag, ...waitingServerFlags},
  details: [
    `The server is the first of: [url] or --target; POOLCTL_DATABASE_URL, DIRECT_URL, DATABASE_URL, PGSERVICE, PGHOST and the other variables of libpq; the URLs in ./.env. Passwords are read from .pgpass too, except that an entry with the host "*" is not used for a host named by ./.env. POOLCTL_RESCUE_URL is tried when every connection slot is taken.`,
    'Exit codes: 0 success, 1 findings, 2 usage, 3 no connection, 4 no connection slot, 5 missing privilege, 6 the plan or the server has changed, 7 a step failed, 8 the journal cannot be written or does not verify; 130 after SIGINT (Ctrl-C), 143 after SIGTERM, 129 after SIGHUP or when the terminal is lost. Ctrl-C is the normal end, with exit 0, of record, demo --serve, check --metrics and replay --capture.',
  ],
} as const satisfies Usage;
