import {AbortError, exitCodes, usageError} from '../source/core/errors.ts';
import {poolerIdentity, poolerLinks, poolerPoolName} from '../source/core/pool/pooler.ts';
import {
  type PoolerDatabaseOf,
  pauseStep,
  pauseWithinMs,
  poolSizeStep,
  poolSizeSubject,
  reconnectStep,
  resumeStep,
} from '../source/core/pool/pooler-steps.ts';
import {
  completeParams,
  type ReadValue,
  readChoice,
  readInteger,
  readText,
  readValues,
  writeText,
} from '../source/core/recipe/parameters.ts';
import {counted, formatMs} from '../source/core/text/format.ts';
import {didYouMean} from '../source/core/text/nearest.ts';
import type {Pooler, PoolerDatabase} from '../source/model/pooler.ts';
import type {Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {RecipeData} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';
import type {SqlStep} from '../source/model/step.ts';

const actions = ['pause', 'resume', 'reconnect', 'pool_size'] as const;

const parameters: Parameter[] = [
  {
    name: 'action',
    description: 'pause or resume a database, reconnect its server connections, or change default_pool_size',
    kind: 'choice',
    choices: actions,
    default: '',
    is_required: true,
  },
  {
    name: 'database',
    description: 'Database as PgBouncer names it; not for pool_size, which applies to all databases',
    kind: 'text',
    default: '',
    suggest: (_, {pooler}) => (pooler?.pooler?.databases ?? []).map(({name}) => writeText(name)),
  },
  {
    name: 'pool_size',
    description: 'With action=pool_size: server connections of each pool (default_pool_size)',
    kind: 'integer',
    default: '',
  },
];

/** The assessment recommends it, where clients wait in PgBouncer. */
const recipe: Recipe = {
  id: 'control-pgbouncer',
  title: 'Pause, resume or resize PgBouncer',
  summary:
    "Pauses, resumes or reconnects a database in PgBouncer's admin console, or sets default_pool_size; undo resumes or sets it back",
  parameters,
  diagnose: () => [],
  planRequires: () => ({pooler: true}),
  defaults,
  plan,
};
export default recipe;

/** The one database that leads to the connected one. */
function defaults({target}: Snapshot, {pooler}: RecipeData): ParameterValues {
  const own = (pooler?.pooler?.databases ?? []).filter(({database}) => database === target.database);
  const [only] = own;
  return own.length === 1 && only !== undefined ? {database: writeText(only.name)} : {};
}

type What = {steps: SqlStep[]; skipped: Skipped[]; explanation: string[]};

function plan(snapshot: Snapshot, params: ParameterValues, {pooler: reading}: RecipeData): Plan {
  const read = readValues(params, parameters);
  const action = readChoice('action', read('action'), actions);
  if (!reading?.pooler)
    throw new AbortError(reading?.problem?.reason ?? 'PgBouncer could not be read', {
      exitCode: reading?.problem?.address ? exitCodes.connection : exitCodes.usage,
      hint: reading?.problem?.remedy ?? '',
    });
  const {pooler} = reading;
  const several = severalProcesses(pooler);
  if (several !== null && (action === 'pause' || action === 'resume'))
    throw usageError(
      `${several}: ${action} would reach only one of them`,
      `Connect to the admin console of each process and ${action} there.`,
    );
  const database = action === 'pool_size' ? null : databaseOf(pooler, read);
  throwIfElsewhere(pooler, database, snapshot);
  const {steps, skipped, explanation} =
    action === 'pool_size' || database === null
      ? resize(pooler, read, snapshot)
      : ofDatabase(action, {pooler, database, snapshot});
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: [
      identityText(pooler, snapshot),
      ...(several === null ? [] : [`${several}: this changes the one that answers, and no other.`]),
      ...explanation,
    ],
    steps,
    skipped,
    batch_size: 1,
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  };
}

/** Each process has its own pools and pauses: what is done in one is neither seen nor undone in another. null: it is the only one. */
function severalProcesses({settings: {so_reuseport, peer_id}}: Pooler): string | null {
  if (so_reuseport) return 'several processes may share the port of this PgBouncer (so_reuseport = 1)';
  return peer_id === 0 ? null : `this PgBouncer is one process of several (peer_id = ${peer_id})`;
}

/** Which PgBouncer it is, and what proves that it is in front of this server. */
function identityText(pooler: Pooler, {backends}: Snapshot): string {
  const {version, databases} = pooler;
  const count = poolerLinks(pooler, backends).size;
  const names = databases.map(({name}) => name).join(', ');
  const proof =
    count > 0
      ? `${counted(count, 'session')} here ${count === 1 ? 'is' : 'are'} its server connections`
      : 'none of its server connections is a session here: that it leads to this server cannot be proven';
  return `PgBouncer ${version} at ${poolerIdentity(pooler)}, with ${databases.length === 1 ? 'the database' : 'the databases'} ${names}; ${proof}.`;
}

/**
 * Throws if it has server connections, of this database or of any (null), and none is a session here: their pids are visible to
 * every role. One that has none, as after a pause, proves nothing.
 */
function throwIfElsewhere(pooler: Pooler, database: PoolerDatabase | null, {backends}: Snapshot): void {
  const links = poolerLinks(pooler, backends);
  const pids = pooler.servers
    .filter(server => database === null || server.database === database.name)
    .flatMap(({pid}) => pid ?? []);
  if (pids.length === 0 || pids.some(pid => links.has(pid))) return;
  const of = database === null ? '' : ` of ${database.name}`;
  throw usageError(
    `PgBouncer's server connections${of} (${pids.length}) are not sessions here: it leads to another server, or through another pooler`,
    'Connect to the server that it leads to. If the connections have just been opened, plan again.',
  );
}

function databaseOf({databases}: Pooler, read: ReadValue): PoolerDatabase {
  const name = readText(read('database'));
  if (name === null) throw usageError('database is not set', 'set it: --set database=NAME');
  const found = databases.find(each => each.name === name);
  if (found === undefined)
    throw usageError(
      `PgBouncer has no database "${name}"${didYouMean(
        name,
        databases.map(each => each.name),
      )}`,
      'SHOW DATABASES lists them.',
    );
  return found;
}

type InDatabase = PoolerDatabaseOf & {snapshot: Snapshot};

function ofDatabase(action: Exclude<(typeof actions)[number], 'pool_size'>, on: InDatabase): What {
  const {pooler, database, snapshot} = on;
  const {name, is_paused} = database;
  const pools = pooler.pools.filter(each => each.database === name);
  const waiting = pools.reduce((sum, {cl_waiting}) => sum + cl_waiting, 0);
  const active = pools.reduce((sum, {cl_active}) => sum + cl_active, 0);
  const skip = (reason: string): What => ({
    steps: [],
    skipped: [{subject: `pooler:${name}`, description: `${action} ${name}`, reason}],
    explanation: ['Nothing to do.'],
  });
  switch (action) {
    case 'pause': {
      if (is_paused) return skip('it is paused already');
      if (snapshot.unavailable.some(({section}) => section === 'pooler'))
        throw usageError(
          'poolctl reads the server through this PgBouncer, and would wait there itself',
          'Connect to the server directly, and name PgBouncer with --pooler.',
        );
      const timeout = pooler.settings.query_wait_timeout_ms;
      return {
        steps: [pauseStep(on)],
        skipped: [],
        explanation: [
          `Clients of ${name} then wait until it is resumed: ${active} connected now, ${waiting} waiting.`,
          ...(timeout ? [`PgBouncer disconnects one that has waited for ${formatMs(timeout)}.`] : []),
          `PAUSE waits for transactions that are open${pools.some(({pool_mode}) => pool_mode === 'session') ? ', and in session mode for clients to disconnect' : ''}; if that takes more than ${formatMs(pauseWithinMs)}, it is resumed immediately and the step fails.`,
        ],
      };
    }
    case 'resume':
      if (!is_paused) return skip('it is not paused');
      return {
        steps: [resumeStep(on)],
        skipped: [],
        explanation: [
          `${counted(waiting, 'client')} of ${name} waiting now ${waiting === 1 ? 'goes' : 'go'} on.`,
        ],
      };
    case 'reconnect': {
      const {current_connections: count} = database;
      return {
        steps: [reconnectStep(on)],
        skipped: [],
        explanation: [
          `${counted(count, 'server connection')} of ${name} ${count === 1 ? 'is' : 'are'} replaced, each as soon as its client releases it: no client loses a statement. Idle ones are closed immediately.`,
          'New connections use the current role settings and address.',
        ],
      };
    }
  }
}

function resize(pooler: Pooler, read: ReadValue, {budget}: Snapshot): What {
  const before = pooler.settings.default_pool_size;
  const size = readInteger('pool_size', read('pool_size'), 1);
  if (size === before)
    return {
      steps: [],
      skipped: [
        {
          subject: poolSizeSubject,
          description: `default_pool_size = ${size}`,
          reason: 'it has that value already',
        },
      ],
      explanation: ['Nothing to do.'],
    };
  const own = new Set(pooler.databases.filter(each => each.pool_size !== before).map(({name}) => name));
  const pools = pooler.pools.filter(({database}) => !own.has(database));
  const more = (size - before) * pools.length;
  return {
    steps: [poolSizeStep(pooler, size)],
    skipped: [],
    explanation: [
      `Each pool gets up to ${counted(size, 'server connection')} instead of ${before}: ${pools.map(poolerPoolName).join(', ') || 'no pool yet'}.`,
      ...(more > 0
        ? [
            `That is up to ${counted(more, 'session')} more on the server, which has ${counted(budget.headroom, 'free slot')}.`,
          ]
        : []),
      ...(own.size > 0
        ? [
            `${[...own].join(', ')} ${own.size === 1 ? 'has a pool_size of its own, which' : 'have pool sizes of their own, which'} stays.`,
          ]
        : []),
      `It lasts until PgBouncer's next RELOAD or restart: to keep it, write default_pool_size = ${size} into ${pooler.config_file || 'pgbouncer.ini'}.`,
    ],
  };
}
