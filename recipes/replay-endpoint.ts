import {usageError} from '../source/core/errors.ts';
import {readCount, readList, readText, readValues} from '../source/core/recipe/parameters.ts';
import type {Parameter, ParameterValues, Plan, Recipe} from '../source/model/recipe.ts';

/** The demo's read-only endpoints, by database. */
export const demoEndpoints: Readonly<Record<string, readonly string[]>> = {
  assessments: [
    'admin-stats',
    'administration-stats',
    'assessment-history',
    'assessments-list',
    'dashboard-stats',
    'mentor-assignments',
    'mentor-stats',
    'public-assessment-data',
    'rbac-dashboard',
    'rbac-users',
    'reports-dashboard',
    'students-list',
  ],
  taskdesk: ['agent-progress', 'manager-agents', 'manager-metrics'],
};

const parameters: Parameter[] = [
  {
    name: 'endpoint',
    description: 'A .sql, .ts or .js file, or the name of a built-in endpoint',
    kind: 'path',
    default: '',
    is_required: true,
    suggest: ({target}) => [...(demoEndpoints[target.database] ?? [])],
  },
  {
    name: 'variant',
    description: 'Variants, comma-separated; default: all',
    kind: 'text',
    default: '',
  },
  {
    name: 'connection_limit',
    description: 'Limits to measure: 1,5,10, or 1..10 to find the knee',
    kind: 'text',
    default: '1..10',
  },
  {name: 'concurrency', description: 'Number of concurrent users', kind: 'text', default: '10'},
  {
    name: 'requests',
    description: 'Number of requests per measurement; default: as many as complete in its time',
    kind: 'integer',
    default: '',
  },
  {
    name: 'client',
    description:
      'A generated Prisma Client, or the application folder that contains it; default: found automatically',
    kind: 'path',
    default: '',
  },
];

const recipe: Recipe = {
  id: 'replay-endpoint',
  title: 'Replay an endpoint',
  summary:
    "Runs an endpoint's queries read-only at each connection_limit and recommends one; changes nothing",
  parameters,
  diagnose: () => [],
  plan,
  isBenchmark: true,
};
export default recipe;

function plan(_: unknown, params: ParameterValues): Plan {
  const read = readValues(params, parameters);
  const endpoint = readText(read('endpoint'));
  if (endpoint === null) throw usageError('endpoint is not set', 'add --set endpoint=FILE');
  requireNumbers('connection_limit', read('connection_limit'), /^[1-9]\d*(\.\.[1-9]\d*)?$/);
  requireNumbers('concurrency', read('concurrency'), /^[1-9]\d*$/);
  readCount('requests', read('requests'));
  return {
    recipe: recipe.id,
    params: Object.fromEntries(parameters.map(({name}) => [name, read(name)])),
    explanation: [
      `Sends the queries of ${endpoint} for ${read('concurrency')} concurrent users, at connection_limit ${read('connection_limit')}.`,
      'Its sessions are read-only and leave slots free for others, but they add load to the server.',
    ],
    steps: [
      {
        kind: 'advice',
        title: `replay ${endpoint}`,
        subject: `endpoint:${endpoint}`,
        text: commandOf(endpoint, read),
      },
    ],
    skipped: [],
    batch_size: 1,
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  };
}

/** The same as a shell command. */
function commandOf(endpoint: string, read: (name: string) => string): string {
  const limit = read('connection_limit');
  const flags: [string, string][] = [
    ['variant', read('variant')],
    limit.includes('..') ? ['sweep', `connection_limit=${limit}`] : ['connection-limit', limit],
    ['concurrency', read('concurrency')],
    ['requests', read('requests')],
    ['client', read('client')],
  ];
  const words = flags
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `--${name} ${quoted(value)}`);
  return ['poolctl replay', quoted(endpoint), ...words].join(' ');
}

function quoted(word: string): string {
  return /^[\w./,=@:-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function requireNumbers(name: string, text: string, pattern: RegExp): void {
  const words = readList(text);
  const isRange = text.includes('..');
  if (words.length > 0 && words.every(word => pattern.test(word)) && !(isRange && words.length > 1)) return;
  throw usageError(`${name}=${text} is not a list of numbers from 1 up`, `write it as ${name}=1,5,10`);
}
