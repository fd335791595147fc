import type {EnvFile} from '../../model/application.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {counted, formatAge, formatMs} from '../text/format.ts';
import {presets} from './pool-presets.ts';
import {envFileOf, fitOf, neededMaxConnections, refusedOf, type Tuning} from './pool-tuning.ts';
import type {LoadReading} from './statement-load.ts';
import {waiting} from './statement-load.ts';

/** The answer in the user's words: the limit, why, what it will do, and what it cannot know. */
export function explainTuning(
  tuning: Tuning,
  snapshot: Snapshot,
  load: LoadReading,
  facts: RecipeData,
): string[] {
  return [
    ...addressText(tuning, snapshot, facts),
    ...answer(tuning, snapshot),
    ...todayText(tuning),
    ...holders(tuning, snapshot),
    ...loadText(tuning, load),
    tuning.choices.platform.note,
    ...prismaText(tuning, facts),
    ...roleText(tuning, snapshot),
  ];
}

/** What was said of one server must not be written into the URL of another unseen. */
function addressText({choices: {platform, role}}: Tuning, {target}: Snapshot, facts: RecipeData): string[] {
  const file = envFileOf(facts);
  const address = file?.address;
  if (!file || !address) return [];
  const isPooled = platform.id === 'pgbouncer' || file.parameters.pgbouncer === 'true';
  const isThere =
    (isPooled || (isSameHost(address.host, target.host) && address.port === target.port)) &&
    address.database === target.database;
  return [
    ...(isThere
      ? []
      : [
          `Warning: ${file.variable} names database ${address.database} at ${address.host}:${address.port}, the target is ${target.database} at ${target.host}:${target.port}: all figures here are the target's.`,
        ]),
    ...(role === null || role.name === address.role
      ? []
      : [`Warning: ${file.variable} connects as ${address.role}, and role=${role.name} is another.`]),
  ];
}

/** One machine's names for itself are one; a path is a socket's folder. */
function isSameHost(host: string, other: string): boolean {
  const isLocal = (name: string) => /^(?:localhost|127\.0\.0\.1|::1|\/.*)$/.test(name);
  return host.toLowerCase() === other.toLowerCase() || (isLocal(host) && isLocal(other));
}

function answer(tuning: Tuning, {budget: slots}: Snapshot): string[] {
  const {settings, instances, budget, choices, pooler, pooled} = tuning;
  const may = `the ${budget.allotted} connections they may take (${boundText(tuning)})`;
  if (choices.platform.id === 'pgbouncer') {
    return [
      `PgBouncer opens at most ${pooler.max_db_connections} connections: ${may}.`,
      ...verdict(pooler.max_db_connections, tuning),
      `Its clients: ${counted(instances.deploy, 'instance')} x connection_limit=${pooled.connection_limit} are ${instances.deploy * pooled.connection_limit}, so max_client_conn=${pooler.max_client_conn}.`,
    ];
  }
  if (settings === null) {
    const needed = neededMaxConnections(instances.deploy, slots, choices.usable_share);
    return [
      `No connection_limit fits: ${counted(instances.deploy, 'instance')} at once ${instances.deploy === 1 ? 'needs' : 'need'} ${counted(instances.deploy, 'connection')} with 1 each, of ${may}. You need a pooler.`,
      `Without one: max_connections=${needed} and a restart, some MB of memory for each; or no more than ${counted(budget.allotted, 'instance')}.`,
    ];
  }
  const {connection_limit, pool_timeout_s, connect_timeout_s} = settings;
  const total = instances.deploy * connection_limit;
  return [
    `connection_limit=${connection_limit} x ${counted(instances.deploy, 'instance')}, the most there are at once, is ${total} of ${may}.`,
    ...verdict(total, tuning),
    `pool_timeout=${pool_timeout_s}: a request waits so many seconds for a connection of its pool; connect_timeout=${connect_timeout_s}: opening one may take so many.`,
    ...presetText(tuning),
  ];
}

/** Whether that fits beside what others hold now, and what does where it does not. */
function verdict(connections: number, {budget, choices, instances}: Tuning): string[] {
  const {others, usable} = budget;
  if (choices.role === null) return [];
  const sum = `${connections} + ${others} that others hold = ${connections + others} of ${usable} usable slots`;
  const refused = refusedOf(connections, budget);
  if (refused === 0) return [`It fits now: ${sum}.`];
  const limit = Math.floor((usable - others) / instances.deploy);
  const instead =
    choices.platform.id === 'pgbouncer'
      ? `usable_share=${shareFor(usable, others)} fits until others leave`
      : limit > 0
        ? `connection_limit=${limit} fits until others leave: ${limit} x ${instances.deploy} + ${others} = ${limit * instances.deploy + others}`
        : 'no limit fits until others leave';
  return [`It does not fit now: ${sum}, so ${refused} would be refused (53300); ${instead}.`];
}

function boundText({budget}: Tuning): string {
  return budget.bound_by === 'share'
    ? `${budget.usable} usable x ${budget.usable_share}`
    : `the ${budget.bound_by}'s own limit`;
}

function presetText({choices, largest, settings}: Tuning): string[] {
  const asked = choices.connection_limit;
  if (asked !== null) {
    return [
      asked > largest
        ? `${asked} was asked for; only ${largest} fits here.`
        : `As asked for; up to ${largest} is within their part.`,
    ];
  }
  const preset = presets.find(({id}) => id === choices.preset);
  if (preset === undefined) return ['It is the largest that fits: usable x share / instances, rounded down.'];
  const isCut = settings !== null && settings.connection_limit < preset.connection_limit;
  const fate = isCut ? `; only ${largest} fits here` : `; up to ${largest} is within their part`;
  return [`Preset ${preset.id}, ${preset.connection_limit}: ${preset.reason}${fate}.`];
}

function todayText({today, instances, budget, choices}: Tuning): string[] {
  if (today === null || choices.platform.id === 'pgbouncer') return [];
  const total = today * instances.deploy;
  const refused = refusedOf(total, budget);
  const beside = budget.others === 0 ? '' : ` beside the ${budget.others} that others hold now`;
  const fate =
    refused > 0
      ? `${refused} more than the server gives${beside}: those are refused (53300)`
      : fitOf(total, budget) === 'tight'
        ? 'more than their share: others may find no slot'
        : 'which fits';
  return [`Today each may open ${today}: ${total} with ${counted(instances.deploy, 'instance')}, ${fate}.`];
}

/** Only told, never reckoned with: the plan must be the same in a minute. */
function holders({choices: {role}, budget}: Tuning, {budget: slots}: Snapshot): string[] {
  const used = `${slots.used} of ${slots.usable} usable slots are used now`;
  if (role === null) return [`${used}; name the role to tell its sessions from others'.`];
  const {others} = budget;
  return [`${used}: ${slots.used - others} by role ${role.name}, ${others} by others.`];
}

function shareFor(usable: number, others: number): number {
  return Math.max(0.05, Math.floor(((usable - others) / usable) * 20) / 20);
}

function loadText(tuning: Tuning, load: LoadReading): string[] {
  if (load.basis === 'none') return [`No estimate of the wait: ${load.reason}.`];
  const {settings, pooled, instances} = tuning;
  const {connection_limit} = settings ?? pooled;
  const {per_second, mean_exec_time_ms, busy} = load;
  const over =
    load.basis === 'interval'
      ? `over ${formatAge(load.over_ms)}`
      : `on average since the counters began ${formatAge(load.over_ms)} ago, so peaks are higher`;
  const rate = per_second < 10 ? per_second.toFixed(1) : Math.round(per_second);
  const wait = waiting({
    per_second: per_second / instances.now,
    service_ms: mean_exec_time_ms,
    servers: connection_limit,
  });
  const waitText = Number.isFinite(wait.mean_wait_ms)
    ? `the mean wait is ${formatMs(wait.mean_wait_ms)}, 95 % wait ${wait.p95_wait_ms === 0 ? 'not at all' : `less than ${formatMs(wait.p95_wait_ms)}`}`
    : 'the queue grows without end';
  return [
    `Measured ${over}: ${rate} statements a second of ${formatMs(mean_exec_time_ms)} keep ${busy.toFixed(busy < 10 ? 2 : 0)} connections busy (Little's law).`,
    `Estimate: with connection_limit=${connection_limit} in each of ${instances.now} ${waitText} (M/M/c: random arrivals; network and transactions hold connections longer).`,
  ];
}

function prismaText({kind, choices}: Tuning, facts: RecipeData): string[] {
  const {application} = facts;
  const found = application?.prisma;
  const file = envFileOf(facts);
  return [
    ...(found ? [`Prisma ${found.version} (${found.source}).`] : []),
    ...(found && choices.prisma_major !== null && found.major !== choices.prisma_major
      ? [`prisma_major=${choices.prisma_major} says otherwise than the application's folder.`]
      : []),
    ...(kind === 'adapter' ? [adapterText, ...deadParameters(file)] : []),
    ...(kind === null ? ['prisma_major is not known: the advice is for both ways.'] : []),
    ...(application?.is_partial ? ['The folder has too many sources: not all were read.'] : []),
  ];
}

const adapterText =
  "With an adapter the pool is node-postgres's: 10 connections unless told otherwise, and connectionTimeoutMillis=0 waits for ever.";

function deadParameters(file: EnvFile | null): string[] {
  const dead = Object.entries(file?.parameters ?? {}).filter(([name]) => ignored.has(name));
  if (file === null || dead.length === 0) return [];
  const text = dead.map(([name, value]) => `${name}=${value}`).join(', ');
  return [`Warning: ${file.variable} still carries ${text}; the adapter ignores that without a word.`];
}

/** Read by Prisma's own engine up to 6 alone; node-postgres takes none of them from a URL. */
const ignored = new Set([
  'connection_limit',
  'pool_timeout',
  'connect_timeout',
  'socket_timeout',
  'max',
  'connectionTimeoutMillis',
  'idleTimeoutMillis',
]);

function roleText({choices: {role, apply}, role_limit}: Tuning, {budget}: Snapshot): string[] {
  if (role === null) return [];
  if (role.is_superuser) return [`Role ${role.name} is a superuser: PostgreSQL enforces no limit on it.`];
  if (!apply.includes('role')) {
    return [
      `apply=role would hold role ${role.name} to ${role_limit} on the server, whatever its pools are.`,
    ];
  }
  const own = budget.groups.reduce((sum, {usename, count}) => sum + (usename === role.name ? count : 0), 0);
  const over =
    own > role_limit
      ? ` ${own} are connected now: they stay, new ones wait for ${own - role_limit + 1} to leave.`
      : '';
  return [
    `ALTER ROLE ... CONNECTION LIMIT holds new sessions only and ends none; beyond it role ${role.name} is refused (53300) while others still get in.${over}`,
  ];
}
