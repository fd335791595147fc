import {usageError} from '../source/core/errors.ts';
import {thresholds} from '../source/core/health/thresholds.ts';
import {type PlatformId, platforms, presets} from '../source/core/pool/pool-presets.ts';
import {
  envFileOf,
  type TunedPlace,
  type TuningChoices,
  tunedPlaces,
  tunePool,
} from '../source/core/pool/pool-tuning.ts';
import {tuningFigure} from '../source/core/pool/pool-tuning-figure.ts';
import {tuningSteps} from '../source/core/pool/pool-tuning-steps.ts';
import {explainTuning} from '../source/core/pool/pool-tuning-text.ts';
import {readLoad} from '../source/core/pool/statement-load.ts';
import {
  readChoice,
  readCount,
  readList,
  readNumber,
  readText,
  readValues,
  writeText,
} from '../source/core/recipe/parameters.ts';
import {formatRatio} from '../source/core/text/format.ts';
import type {Finding} from '../source/model/finding.ts';
import type {Parameter, ParameterValues} from '../source/model/parameter.ts';
import type {Plan} from '../source/model/plan.ts';
import type {Recipe} from '../source/model/recipe.ts';
import type {DataRequirements, RecipeData} from '../source/model/recipe-data.ts';
import type {Backend, Snapshot} from '../source/model/snapshot.ts';

const platformIds = platforms.map(({id}) => id);
/** Of the usable slots, for one application; the rest is for migrations, jobs and people. */
const defaultShare = 0.8;
const presetIds = ['platform', 'formula', ...presets.map(({id}) => id)];

const parameters: Parameter[] = [
  {
    name: 'platform',
    description: 'Where the application runs; pgbouncer: anywhere, with PgBouncer in front of the server',
    kind: 'choice',
    choices: platformIds,
    default: 'long-running',
  },
  {
    name: 'instances',
    description: 'Number of application processes now, each with its own pool',
    kind: 'integer',
    default: '1',
    check: text => readCount('instances', text),
  },
  {
    name: 'max_instances',
    description: 'Number of processes at peak; default: as many as now',
    kind: 'integer',
    default: '',
    check: text => readCount('max_instances', text),
  },
  {
    name: 'deploy_overlap',
    description:
      'Factor by which processes multiply during a deploy; 1: no overlap; default: as usual on the platform',
    kind: 'number',
    default: '',
    check: readOverlap,
  },
  {
    name: 'prisma_major',
    description: "Prisma's major version: up to 6, the URL sets the pool; from 7 on, the adapter",
    kind: 'integer',
    default: '',
    check: text => readCount('prisma_major', text),
    suggest: (_, {application}) => (application?.prisma ? [String(application.prisma.major)] : ['6', '7']),
  },
  {
    name: 'usable_share',
    description: 'Share of the usable slots for all instances together, 0.05 to 1',
    kind: 'number',
    default: String(defaultShare),
    check: readShare,
  },
  {
    name: 'preset',
    description: 'platform: the usual one; formula: usable x share / instances; or a preset',
    kind: 'choice',
    choices: presetIds,
    default: 'platform',
  },
  {
    name: 'connection_limit',
    description:
      'Limit to set if it fits, for example as replay-endpoint recommends; default: from the preset',
    kind: 'integer',
    default: '',
    check: text => readCount('connection_limit', text),
  },
  {
    name: 'role',
    description: 'Role that the application connects as',
    kind: 'text',
    default: '',
    suggest: (_, {role_limits = []}) => role_limits.map(({name}) => writeText(name)),
  },
  {name: 'env_file', description: "The application's .env file", kind: 'path', default: ''},
  {
    name: 'variable',
    description: 'Variable in it with the URL; default: the one that schema.prisma names, or DATABASE_URL',
    kind: 'text',
    default: '',
  },
  {
    name: 'app',
    description: 'Application folder, to find its Prisma version, .env and adapter',
    kind: 'path',
    default: '',
  },
  {name: 'pgbouncer_ini', description: "PgBouncer's configuration file", kind: 'path', default: ''},
  {
    name: 'apply',
    description:
      'What to change, comma-separated: role, env, adapter, pgbouncer, or none; default: the given files',
    kind: 'text',
    default: '',
    check: readPlacesNamed,
    suggest: () => [...tunedPlaces],
  },
];

const recipe: Recipe = {
  id: 'tune-connection-limit',
  title: 'Tune connection_limit',
  summary:
    'Computes the connection_limit that fits at peak and during a deploy; sets it in .env, adapter, role or PgBouncer',
  parameters,
  diagnose: snapshot => [...refusedRoles(snapshot), ...largePools(snapshot)],
  planRequires: needs,
  defaults,
  plan,
};
export default recipe;

/** A role at its own limit is refused however many slots the server has left. */
function refusedRoles({budget}: Snapshot): Finding[] {
  return budget.role_and_database_limits
    .filter(
      ({kind, connection_limit, used}) => kind === 'role' && connection_limit > 0 && used >= connection_limit,
    )
    .map(({name, connection_limit, used}) => ({
      recipe: recipe.id,
      severity: 'critical',
      subject: `role:${name}`,
      summary: `role ${name} has reached its CONNECTION LIMIT ${connection_limit}: the server refuses more (53300), with ${budget.headroom} slots free`,
      evidence: {used, connection_limit, headroom: budget.headroom},
      params: {role: writeText(name), apply: 'role'},
    }));
}

/** Slots run out while one role's pools hold most of them and half of theirs are idle. */
function largePools(snapshot: Snapshot): Finding[] {
  const {budget} = snapshot;
  const {used_ratio, role_share_ratio, role_idle_ratio} = thresholds;
  if (budget.used_ratio < used_ratio.warning) return [];
  return sessionsByRole(snapshot.backends)
    .filter(
      ({count, idle}) =>
        count >= budget.usable * role_share_ratio.warning && idle >= count * role_idle_ratio.warning,
    )
    .map(({role, count, idle, clients}) => ({
      recipe: recipe.id,
      severity: 'warning',
      subject: `role:${role}/pools`,
      summary: `the pools of role ${role} hold ${count} of ${budget.usable} slots, ${idle} of them idle, while ${formatRatio(budget.used_ratio, 0)} are in use`,
      evidence: {sessions: count, idle, clients, used_ratio: budget.used_ratio},
      params: {role: writeText(role), instances: String(clients)},
    }));
}

type RoleSessions = {role: string; count: number; idle: number; clients: number};

/** Of roles that limits hold, the busiest first; one client address counts as one instance. */
function sessionsByRole(backends: readonly Backend[]): RoleSessions[] {
  const roles = new Map<string, Backend[]>();
  for (const backend of backends) {
    if (backend.usename === null || backend.is_superuser) continue;
    roles.set(backend.usename, [...(roles.get(backend.usename) ?? []), backend]);
  }
  return [...roles]
    .map(([role, own]) => ({
      role,
      count: own.length,
      idle: own.filter(({state}) => state === 'idle').length,
      clients: new Set(own.map(({client_addr}) => client_addr)).size,
    }))
    .sort((a, b) => b.count - a.count || (a.role < b.role ? -1 : 1));
}

function needs(params: ParameterValues): DataRequirements {
  const given = (name: string) => params[name]?.trim() || null;
  const [app, env, ini] = [given('app'), given('env_file'), given('pgbouncer_ini')];
  const variable = given('variable') ?? undefined;
  return {
    role_limits: true,
    ...(app !== null && {application: {folder: app, ...(variable && {variable})}}),
    ...(env !== null && {env_file: {path: env, variable: variable ?? 'DATABASE_URL'}}),
    ...(ini !== null && {pooler_file: {path: ini}}),
  };
}

/** The role that the URL names, where the server has it; where there is no URL, the busiest in this database. */
function defaults(snapshot: Snapshot, facts: RecipeData): ParameterValues {
  const {application, role_limits = []} = facts;
  const named = envFileOf(facts)?.address?.role;
  const roles = sessionsByRole(snapshot.backends);
  const here = snapshot.backends.filter(({datname}) => datname === snapshot.target.database);
  const [busiest] = [...sessionsByRole(here), ...roles];
  const busy = roles.find(({role}) => role === (named ?? busiest?.role));
  const role = named === undefined ? busy?.role : role_limits.find(({name}) => name === named)?.name;
  return {
    ...(role !== undefined && {role: writeText(role)}),
    ...(busy && {instances: String(busy.clients)}),
    ...(application?.prisma && {prisma_major: String(application.prisma.major)}),
  };
}

function plan(snapshot: Snapshot, params: ParameterValues, facts: RecipeData): Plan {
  const read = readValues(params, parameters);
  requireVariable(read('variable'), facts);
  const choices = readChoicesOf(read, facts);
  const tuning = tunePool(snapshot, choices, facts);
  const load = readLoad(snapshot, choices.role?.name ?? null);
  const {role} = choices;
  return {
    recipe: recipe.id,
    params: completed(read, choices),
    explanation: explainTuning(tuning, snapshot, load, facts),
    figure: tuningFigure(tuning, snapshot, load),
    steps: tuningSteps(tuning, facts),
    skipped:
      role?.is_superuser && choices.apply.includes('role')
        ? [
            {
              subject: `role:${role.name}`,
              description: role.name,
              reason: 'superuser: the server enforces no limit on it',
            },
          ]
        : [],
    batch_size: 20,
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  };
}

/** Another variable than the one that was named is never taken in its place. */
function requireVariable(variable: string, facts: RecipeData): void {
  if (variable === '') return;
  const file = envFileOf(facts);
  if (file === null)
    throw usageError(
      `variable=${variable}: there is no .env file, neither env_file nor in the application folder`,
    );
  if (file.problem !== null) throw usageError(`variable=${variable}: ${file.problem} (${file.path})`);
}

/** Throws AbortError (exit 2) on what cannot be read or contradicts itself. */
function readChoicesOf(read: (name: string) => string, facts: RecipeData): TuningChoices {
  const id: PlatformId = readChoice('platform', read('platform'), platformIds);
  const platform = platforms.find(each => each.id === id) ?? platforms[0];
  if (platform === undefined) throw usageError(`no platform "${id}"`);
  const preset = readChoice('preset', read('preset'), presetIds);
  const instances = readCount('instances', read('instances')) ?? 1;
  const max_instances = readCount('max_instances', read('max_instances')) ?? instances;
  if (max_instances < instances)
    throw usageError(`max_instances=${max_instances} is less than instances=${instances}`);
  const share = readShare(read('usable_share'));
  const overlap = readOverlap(read('deploy_overlap'));
  return {
    platform,
    preset: preset === 'platform' ? platform.preset : preset,
    connection_limit: readCount('connection_limit', read('connection_limit')),
    instances,
    max_instances,
    deploy_overlap: overlap ?? platform.deploy_overlap,
    prisma_major: readCount('prisma_major', read('prisma_major')),
    usable_share: share ?? defaultShare,
    role: readRole(readText(read('role')), facts),
    apply: readPlaces(read),
  };
}

function readRole(name: string | null, {role_limits = []}: RecipeData): TuningChoices['role'] {
  if (name === null) return null;
  const role = role_limits.find(each => each.name === name);
  if (role === undefined) throw usageError(`role "${name}" does not exist or cannot log in`);
  return role;
}

function readShare(text: string): number | null {
  return readNumber('usable_share', text, {least: 0.05, most: 1});
}

function readOverlap(text: string): number | null {
  return readNumber('deploy_overlap', text, {least: 1, most: 10});
}

function readPlacesNamed(text: string): TunedPlace[] {
  return readList(text).map(word => readChoice('apply', word, tunedPlaces));
}

function readPlaces(read: (name: string) => string): TunedPlace[] {
  const written = readPlacesNamed(read('apply'));
  if (written.includes('role') && read('role') === '')
    throw usageError('apply=role needs a role', 'add --set role=NAME');
  if (written.length > 0) return written;
  const isGiven = (...names: string[]) => names.some(name => read(name) !== '');
  const places: TunedPlace[] = [
    ...(isGiven('env_file', 'app') ? (['env'] as const) : []),
    ...(isGiven('app') ? (['adapter'] as const) : []),
    ...(isGiven('pgbouncer_ini') ? (['pgbouncer'] as const) : []),
  ];
  return places.length > 0 ? places : ['none'];
}

function completed(read: (name: string) => string, choices: TuningChoices): ParameterValues {
  return {
    ...Object.fromEntries(parameters.map(({name}) => [name, read(name)])),
    max_instances: String(choices.max_instances),
    deploy_overlap: String(choices.deploy_overlap),
    apply: choices.apply.join(','),
  };
}
