import {
  intervalFlag,
  journalFlag,
  logFlag,
  recipesFlag,
  themeFlag,
  type Usage,
  waitingServerFlags,
} from '../../cli/call/usage.ts';

export const usage = {
  name: 'console',
  summary: 'Open the console',
  arguments: [{shown: '[url]'}],
  flags: {
    source: {
      type: 'string',
      value: 'DIR',
      help: 'Application source folder; adds the view Scan: connections and queries of its endpoints',
      default: 'source in config.toml',
    },
    ...intervalFlag,
    ...themeFlag,
    ...recipesFlag,
    ...journalFlag,
    ...logFlag,
    ...waitingServerFlags,
  },
  details: [
    `poolctl connects to the first of these that is set: [url] or --target; POOLCTL_DATABASE_URL, DIRECT_URL, DATABASE_URL, PGSERVICE, PGHOST and the other variables of libpq; the URLs in ./.env. Passwords can also come from ~/.pgpass; an entry with the host "*" is not used for a host from ./.env. When every connection slot is taken, poolctl tries POOLCTL_RESCUE_URL.`,
    "The console uses only ASCII if the locale is not UTF-8 or POOLCTL_ASCII=1 is set. NO_COLOR=1 turns colours off, FORCE_COLOR=1 turns them on; --theme overrides both. auto is readable on any background; solarized uses the terminal's first 16 colours. ESCDELAY is how long Esc waits for the rest of an escape sequence, in ms (default 75).",
    'Exit codes: 0 success, 1 findings, 2 usage, 3 no connection, 4 no connection slot, 5 missing privilege, 6 the plan or the server has changed, 7 a step failed, 8 the journal cannot be written or does not verify; 130 after SIGINT (Ctrl-C), 143 after SIGTERM, 129 after SIGHUP or when the terminal is lost. Ctrl-C ends record, demo --serve, check --metrics and replay --capture with exit 0.',
  ],
} as const satisfies Usage;
