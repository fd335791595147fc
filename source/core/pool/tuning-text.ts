import type {EnvFile} from '../../model/application.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {counted, formatAge, formatMs, formatSpan} from '../text/format.ts';
import {ignoredParameters as ignored, otherPoolsText} from './adapter-call.ts';
import {presets} from './presets.ts';
import {type LoadReading, waiting} from './statement-load.ts';
import {
  adapterText,
  envFileOf,
  fitOf,
  leastLimit,
  mostBusyText,
  neededMaxConnections,
  refusedOf,
  type Tuning,
} from './tuning.ts';

/** Explains the limit, its reasons, its effect and what is unknown. */
export function explainTuning(
  tuning: Tuning,
  snapshot: Snapshot,
  load: LoadReading,
  facts: RecipeData,
): string[] {
  return [
    ...addressText(tuning, snapshot, facts),
    ...needText(tuning, load),
    ...proposalText(tuning, snapshot),
    ...todayText(tuning),
    ...usageText(tuning, snapshot),
    ...loadText(tuning, load),
    tuning.choices.platform.note,
    ...prismaText(tuning, facts),
    ...roleText(tuning, snapshot),
  ];
}

/** Warns if the file's URL points to another server than the target. */
function addressText({choices: {platform, role}}: Tuning, {target}: Snapshot, facts: RecipeData): string[] {
  const file = envFileOf(facts);
  const address = file?.address;
  if (!file || !address) return [];
  const isPooled = platform.id === 'pgbouncer' || file.pooler !== null;
  const isThere =
    (isPooled || (isSameHost(address.host, target.host) && address.port === target.port)) &&
    address.database === target.database;
  return [
    ...(isThere
      ? []
      : [
          `Warning: ${file.variable} names database ${address.database} at ${address.host}:${address.port}, the target is ${target.database} at ${target.host}:${target.port}. All figures here are the target's.`,
        ]),
    ...(role === null || role.name === address.role
      ? []
      : [`Warning: ${file.variable} connects as ${address.role}, not as role=${role.name}.`]),
  ];
}

/** Local names are equal; a path is a socket directory. */
function isSameHost(host: string, other: string): boolean {
  const isLocal = (name: string) => /^(?:localhost|127\.0\.0\.1|::1|\/.*)$/.test(name);
  return host.toLowerCase() === other.toLowerCase() || (isLocal(host) && isLocal(other));
}

function proposalText(tuning: Tuning, {budget: slots}: Snapshot): string[] {
  const {settings, instances, budget, choices, pooler, pooled} = tuning;
  const allotment = `the ${budget.allotted} connections allotted to them (${boundText(tuning)})`;
  if (choices.platform.id === 'pgbouncer') {
    return [
      `PgBouncer opens at most ${pooler.max_db_connections} connections: ${allotment}.`,
      ...fitNow(pooler.max_db_connections, tuning),
      `Clients: ${countedPools(instances.deploy, tuning)} x connection_limit=${pooled.connection_limit} = ${instances.deploy * pooled.connection_limit}, so max_client_conn=${pooler.max_client_conn}.`,
    ];
  }
  if (settings === null) {
    const least = leastLimit(choices);
    const all = instances.deploy * least;
    const needed = neededMaxConnections(all, slots, choices.usable_share);
    return [
      `No connection_limit fits: ${countedPools(instances.deploy, tuning)} with ${counted(least, 'connection')} each ${instances.deploy === 1 ? 'needs' : 'need'} ${all} of ${allotment}. You need a pooler.`,
      `Without one: max_connections=${needed} and a restart, with some MB of memory per connection; or at most ${countedPools(Math.floor(budget.allotted / least), tuning)}.`,
    ];
  }
  const {connection_limit, pool_timeout_s, connect_timeout_s} = settings;
  const total = instances.deploy * connection_limit;
  return [
    `connection_limit=${connection_limit} x ${countedPools(instances.deploy, tuning)} (during a deploy at peak) = ${total} of ${allotment}.`,
    ...fitNow(total, tuning),
    ...mostBusyText(tuning),
    `pool_timeout=${pool_timeout_s}: seconds a request waits for a connection of its pool; connect_timeout=${connect_timeout_s}: seconds to open one.`,
    ...presetText(tuning),
  ];
}

/** The limit that the measured load needs: at most one request in a hundred waits for a connection of its pool. */
function needText({choices, instances, settings}: Tuning, load: LoadReading): string[] {
  if (load.basis === 'none' || choices.measured !== null || settings === null) return [];
  const {per_second, mean_exec_time_ms, busy} = load;
  const queue = {per_second: per_second / instances.now, service_ms: mean_exec_time_ms};
  let needed = leastLimit(choices);
  while (needed < settings.connection_limit && waiting({...queue, servers: needed}).wait_ratio > 0.01)
    needed++;
  if (needed >= settings.connection_limit) return [];
  const measured = `${busy.toFixed(busy < 10 ? 2 : 0)} connections busy in all ${load.basis === 'interval' ? 'now' : 'on average'}`;
  return [
    `The load measured needs connection_limit=${needed} (${measured}, 1 in 100 waits at most); up to ${settings.connection_limit} fits. Transactions that wait for the application need more. To use the smaller limit, set the parameter connection_limit=${needed}.`,
  ];
}

/** Each pool of a process counts: two of them open twice as many connections. */
function countedPools(count: number, {pools}: Pick<Tuning, 'pools'>): string {
  return pools === 1 ? counted(count, 'instance') : counted(count, 'pool');
}

/** Whether the connections fit now in addition to those of other clients; if not, which limit would. */
function fitNow(connections: number, tuning: Tuning): string[] {
  const {budget, choices, instances, clients} = tuning;
  const {others, usable} = budget;
  if (choices.role === null) return [];
  // During a deploy there are as many as it brings. Behind PgBouncer the server sees its address only.
  const most = clients.recent === null ? choices.instances : instances.deploy;
  if (clients.count > most && choices.platform.id !== 'pgbouncer')
    return [fitOfClients(tuning, choices.role.name)];
  const sum = `${connections} + ${others} used by others = ${connections + others} of ${usable} usable slots`;
  const refused = refusedOf(connections, budget);
  if (refused === 0) return [`It fits now: ${sum}.`];
  const limit = Math.floor((usable - others) / instances.deploy);
  const instead =
    choices.platform.id === 'pgbouncer'
      ? `usable_share=${shareFor(usable, others)} fits until others disconnect`
      : limit > 0
        ? `connection_limit=${limit} fits until others disconnect: ${limit} x ${instances.deploy} + ${others} = ${limit * instances.deploy + others}`
        : 'no limit fits until others disconnect';
  return [`It does not fit now: ${sum}, so the server would refuse ${refused} (53300); ${instead}.`];
}

function fitOfClients({clients, choices, settings, pools, budget}: Tuning, role: string): string {
  const {others, usable} = budget;
  const limit = settings?.connection_limit ?? 1;
  const total = clients.count * pools * limit;
  const refused = refusedOf(total, budget);
  const verdict = refused === 0 ? 'which fits now' : `so the server would refuse ${refused} (53300)`;
  return `Warning: role ${role} has ${clients.count} clients now (each an application at an address), so instances=${choices.instances} may be too few: ${clients.count * pools} x ${limit} + ${others} used by others = ${total + others} of ${usable} usable slots, ${verdict}.`;
}

function boundText({budget}: Tuning): string {
  return budget.bound_by === 'share'
    ? `${budget.usable} usable x ${budget.usable_share}`
    : `the ${budget.bound_by}'s own limit`;
}

function presetText({choices, largest, settings}: Tuning): string[] {
  const requested = choices.connection_limit;
  const {measured} = choices;
  if (requested !== null) {
    const fits = requested > largest ? `only ${largest} fits` : `up to ${largest} would fit`;
    return [
      measured === null
        ? `connection_limit ${requested} is given; ${fits}.`
        : `Measured: ${measured}; ${fits}.`,
    ];
  }
  const preset = presets.find(({id}) => id === choices.preset);
  if (preset === undefined)
    return ['This is the largest that fits: usable x share / instances, rounded down.'];
  const isCut = settings !== null && settings.connection_limit < preset.connection_limit;
  const room = isCut ? `; only ${largest} fits` : `; up to ${largest} would fit`;
  return [`Preset ${preset.id}, ${preset.connection_limit}: ${preset.reason}${room}.`];
}

function todayText(tuning: Tuning): string[] {
  const {today, instances, pools, budget, choices} = tuning;
  if (today === null || choices.platform.id === 'pgbouncer') return [];
  const each = today.reduce((sum, max) => sum + max, 0);
  const total = Math.round((each * instances.deploy) / pools);
  const refused = refusedOf(total, budget);
  const beside = budget.others === 0 ? '' : ` beside the ${budget.others} used by others`;
  const effect =
    refused > 0
      ? `${refused} more than the server accepts${beside}: it refuses those (53300)`
      : fitOf(total, budget) === 'tight'
        ? 'more than their share: others may get no slot'
        : 'which fits';
  return [
    `Today each instance may open ${each}${today.length > 1 ? ` (${today.join(' + ')})` : ''}: ${total} with ${countedPools(instances.deploy, tuning)}, ${effect}.`,
  ];
}

/** For information only: the plan must not depend on current sessions. */
function usageText({choices: {role}, budget, clients}: Tuning, snapshot: Snapshot): string[] {
  const slots = snapshot.budget;
  const used = `${slots.used} of ${slots.usable} usable slots are in use now`;
  if (role === null) return [`${used}; set role to separate its sessions from others'.`];
  const {others} = budget;
  const {recent, count} = clients;
  return [
    `${used}: ${slots.used - others} by role ${role.name}, ${others} by others.`,
    ...(recent === null
      ? []
      : [
          `${recent.count} of its ${count} clients connected first within the last ${formatAge(recent.since_ms)}, the others well before: a deploy may be under way, in which old and new instances are counted together.`,
        ]),
  ];
}

function shareFor(usable: number, others: number): number {
  return Math.max(0.05, Math.floor(((usable - others) / usable) * 20) / 20);
}

function loadText(tuning: Tuning, load: LoadReading): string[] {
  if (tuning.choices.measured !== null)
    return ["Wait time not estimated: the statistics contain the replay's own statements."];
  if (load.basis === 'none') return [`Wait time unknown: ${load.reason}.`];
  const {settings, pooled, instances} = tuning;
  const {connection_limit} = settings ?? pooled;
  const {per_second, mean_exec_time_ms, busy} = load;
  const over =
    load.basis === 'interval'
      ? `over ${formatSpan(load.over_ms)}`
      : `on average since statistics were reset ${formatAge(load.over_ms)} ago (peaks are higher)`;
  const rate = per_second < 10 ? per_second.toFixed(1) : Math.round(per_second);
  const wait = waiting({
    per_second: per_second / instances.now,
    service_ms: mean_exec_time_ms,
    servers: connection_limit,
  });
  const waitText = Number.isFinite(wait.mean_wait_ms)
    ? `the mean wait is ${formatMs(wait.mean_wait_ms)}, 95 % wait ${wait.p95_wait_ms === 0 ? 'not at all' : `less than ${formatMs(wait.p95_wait_ms)}`}`
    : 'the queue grows without limit';
  return [
    `Measured ${over}: ${rate} statements per second of ${formatMs(mean_exec_time_ms)} each keep ${busy.toFixed(busy < 10 ? 2 : 0)} connections busy (Little's law).`,
    `Estimate: with connection_limit=${connection_limit} in each of ${countedPools(instances.now, tuning)}, ${waitText} (M/M/c queue: random arrivals; network and transactions hold connections longer).`,
  ];
}

function prismaText({kind, choices}: Tuning, facts: RecipeData): string[] {
  const {application} = facts;
  const found = application?.prisma;
  const file = envFileOf(facts);
  const pools = application?.pools ?? [];
  return [
    ...(file?.pooler
      ? [
          `${file.variable} leads to ${file.pooler}: connection_limit bounds its clients; its own pool size bounds what reaches the server. Migrations connect directly.`,
        ]
      : []),
    ...(application?.shadowed_by.length
      ? [
          `Warning: ${application.shadowed_by.join(', ')} also sets ${application.url_variable}. Next.js and Vite read it before .env, Prisma's own commands read .env only; env_file names the one to change.`,
        ]
      : []),
    ...(kind === 'adapter' && pools.length > 1
      ? [
          `${pools.length} pools, assumed to be of one process and added: ${pools.map(({path, line}) => `${path}:${line}`).join(', ')}.`,
        ]
      : []),
    ...(kind === 'adapter' && pools.some(({settings}) => settings.max === null)
      ? ['The limit of today is unknown: a pool takes max from elsewhere.']
      : []),
    ...(found ? [`Prisma ${found.version} (${found.source}).`] : []),
    ...(found && choices.prisma_major !== null && found.major !== choices.prisma_major
      ? [`prisma_major=${choices.prisma_major} differs from the application folder.`]
      : []),
    ...(kind === 'adapter'
      ? [adapterText(choices), ...ignoredParameters(file, application?.url_readers ?? [])]
      : []),
    ...(kind === null ? ['prisma_major is unknown, so the advice covers both the URL and the adapter.'] : []),
    ...otherPoolsText(application?.other_pools ?? []),
    ...(application?.is_partial ? ['The folder has too many source files: not all were read.'] : []),
  ];
}

function ignoredParameters(file: EnvFile | null, readers: readonly string[]): string[] {
  const found = Object.entries(file?.parameters ?? {}).filter(([name]) => ignored.includes(name));
  if (file === null || found.length === 0) return [];
  const text = found.map(([name, value]) => `${name}=${value}`).join(', ');
  if (readers.length > 0)
    return [`${file.variable} has ${text}: the adapter ignores that, but ${readers.join(', ')} may read it.`];
  return [`Warning: ${file.variable} still has ${text}, which the adapter silently ignores.`];
}

function roleText({choices: {role, apply}, role_limit}: Tuning, {budget}: Snapshot): string[] {
  if (role === null) return [];
  if (role.is_superuser) return [`Role ${role.name} is a superuser: the server enforces no limit on it.`];
  if (!apply.includes('role')) {
    return [
      `apply=role would limit role ${role.name} to ${role_limit} connections on the server, whatever its pools' sizes.`,
    ];
  }
  const own = budget.groups.reduce((sum, {usename, count}) => sum + (usename === role.name ? count : 0), 0);
  const over =
    own > role_limit
      ? ` ${own} are connected now and stay; new ones are refused until ${own - role_limit + 1} disconnect.`
      : '';
  return [
    `ALTER ROLE ... CONNECTION LIMIT applies to new sessions and ends none. Beyond it the server refuses role ${role.name} (53300); other roles can still connect.${over}`,
  ];
}
