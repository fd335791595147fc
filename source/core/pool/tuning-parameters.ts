import type {Parameter, ParameterValues} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import {usageError} from '../errors.ts';
import {readChoice, readCount, readList, readNumber, readText, writeText} from '../recipe/parameters.ts';
import {defaultShare, type PlatformId, platforms, presets} from './presets.ts';
import {envFileOf, type TunedPlace, type TuningChoices, tunedPlaces} from './tuning.ts';

const platformIds = platforms.map(({id}) => id);
const presetIds = ['platform', 'formula', ...presets.map(({id}) => id)];

export const tuningParameters: Parameter[] = [
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
      'Factor by which processes multiply during a deploy; 1: no overlap; default: the usual factor of the platform',
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
    description: 'platform: the preset of the platform; formula: usable x share / instances; or a preset',
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
    name: 'measured',
    description: 'What was measured at connection_limit; replay-endpoint fills it in',
    kind: 'text',
    default: '',
  },
  {
    name: 'most_busy',
    description: 'Maximum of its sessions that were busy at the same time; default: unknown',
    kind: 'integer',
    default: '',
    check: text => readCount('most_busy', text),
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
    description: 'Variable that contains the URL; default: the one that schema.prisma names, or DATABASE_URL',
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

/** A named variable must exist: no other one replaces it. */
export function requireVariable(variable: string, facts: RecipeData): void {
  if (variable === '') return;
  const file = envFileOf(facts);
  if (file === null)
    throw usageError(
      `variable=${variable}: there is no .env file, neither env_file nor in the application folder`,
    );
  if (file.problem !== null) throw usageError(`variable=${variable}: ${file.problem} (${file.path})`);
}

/** Throws AbortError (exit 2) for invalid or contradictory parameters. */
export function readTuningChoices(read: (name: string) => string, facts: RecipeData): TuningChoices {
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
    measured: readText(read('measured')) || null,
    most_busy: readCount('most_busy', read('most_busy')),
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

export function completeTuningParams(
  read: (name: string) => string,
  choices: TuningChoices,
): ParameterValues {
  return {
    ...Object.fromEntries(tuningParameters.map(({name}) => [name, read(name)])),
    max_instances: String(choices.max_instances),
    deploy_overlap: String(choices.deploy_overlap),
    apply: choices.apply.join(','),
  };
}
