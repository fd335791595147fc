import {jsonFlag, serverFlags, type Usage} from '../../cli/call/usage.ts';
import {preflightWindow_ms} from '../../cli/flag-values.ts';
import {writeDuration} from '../../core/text/time.ts';

export const usage = {
  name: 'preflight',
  summary: 'Show what a migration locks, and who is in its way now',
  arguments: [{shown: '<migration>', completes: 'file'}, {shown: '[url]'}],
  flags: {
    autocommit: {
      type: 'boolean',
      help: 'Judge each statement as a transaction of its own, as psql -f runs it; without it a file is one transaction, as in Prisma Migrate',
    },
    watch: {
      type: 'boolean',
      help: 'Wait until every statement is safe',
    },
    for: {type: 'string', value: 'TIME', help: 'With --watch: wait at most this long', default: 'no limit'},
    rates: {
      type: 'string',
      value: 'TIME',
      help: 'Time over which statements are counted, 0.1s to 60s',
      default: writeDuration(preflightWindow_ms),
    },
    ...jsonFlag,
    ...serverFlags,
  },
  details: [
    "<migration> is a .sql file, prisma/migrations or a folder in it, or ops.json of Prisma 8. poolctl reads it with PostgreSQL's own parser and executes nothing. From prisma/migrations it reads those not yet applied to the server; without a server, the newest one.",
    'For each statement: its locks, what they block, whether it rewrites or reads a whole table, and a safer form as SQL. With a URL or a flag that names the server, poolctl also reads sizes, column types, who holds these locks, and how many statements per second would wait. DATABASE_URL and other variables alone do not select a server here.',
    'Exit 0 if every statement is safe, 1 otherwise, 2 if the migration cannot be read. With --watch: exit 0 as soon as every statement is safe, 1 if waiting cannot make them safe or --for is over: `poolctl preflight m.sql --target prod --watch --for 10min && prisma migrate deploy`.',
  ],
} as const satisfies Usage;
