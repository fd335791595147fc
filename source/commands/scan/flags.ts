import {jsonFlag, type Usage} from '../../cli/call/usage.ts';

export const failLevels = ['critical', 'high', 'medium', 'low'] as const;

export const usage = {
  name: 'scan',
  summary: "Read an application's source for what exhausts its connection pool",
  arguments: [{shown: '<directory>', completes: 'file'}],
  flags: {
    entry: {
      type: 'string',
      value: 'FILE#NAME',
      isMultiple: true,
      help: 'Also judge this exported function, such as a job; without #NAME the default export',
    },
    url: {
      type: 'string',
      value: 'URL',
      help: 'List first the endpoints that cost most on this server, by its pg_stat_statements',
    },
    failOn: {
      type: 'string',
      value: 'SEVERITY',
      choices: failLevels,
      help: 'Exit 1 from this severity on',
      default: 'low: any issue',
    },
    baseline: {
      type: 'string',
      value: 'FILE',
      help: "JSON of an earlier 'poolctl scan --json': report only what is new since",
    },
    fix: {
      type: 'boolean',
      help: 'Apply the patches of issues that have one, then report the rest',
    },
    markdown: {type: 'boolean', help: 'Print Markdown'},
    sarif: {type: 'boolean', help: 'Print SARIF 2.1.0, for code scanning'},
    ...jsonFlag,
  },
  details: [
    'For each endpoint of Next.js, Express, Fastify, Hono, NestJS, tRPC, Remix and React Router: the connections that one request holds concurrently, its sequential and total queries, and issues with file, line and fix. Nothing is executed, and no dependency of the application needs to be installed.',
    "A comment on an issue's line or the one above accepts it: // poolctl-accept query-in-loop: at most 3 languages. Exit 1 with issues, else 0.",
  ],
} as const satisfies Usage;
