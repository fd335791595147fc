import {groupBy} from '../source/core/group-by.ts';
import {seenInstances, seenOfPool} from '../source/core/pool/seen.ts';
import {readLoad} from '../source/core/pool/statement-load.ts';
import {envFileOf, tunePool} from '../source/core/pool/tuning.ts';
import {tuningFigure} from '../source/core/pool/tuning-figure.ts';
import {
  completeTuningParams,
  readTuningChoices,
  requireVariable,
  tuningParameters,
} from '../source/core/pool/tuning-parameters.ts';
import {tuningSteps} from '../source/core/pool/tuning-steps.ts';
import {explainTuning} from '../source/core/pool/tuning-text.ts';
import {readValues, writeText} from '../source/core/recipe/parameters.ts';
import type {ParameterValues, Plan, Recipe} from '../source/model/recipe.ts';
import type {DataRequirements, RecipeData} from '../source/model/recipe-data.ts';
import type {Backend, Snapshot} from '../source/model/snapshot.ts';

const recipe: Recipe = {
  id: 'tune-connection-limit',
  title: 'Tune connection_limit',
  summary:
    'Computes the connection_limit that fits at peak and during a deploy; sets it in .env, adapter, role or PgBouncer',
  parameters: tuningParameters,
  // Pools that are too large, and roles at their limit, are assessed with the slots that they take.
  diagnose: () => [],
  planRequires: requirements,
  defaults,
  plan,
};
export default recipe;

type RoleSessions = {role: string; count: number};

/** Without superusers, which have no limits; the busiest role first. */
function sessionsByRole(backends: readonly Backend[]): RoleSessions[] {
  const limited = backends.filter(({usename, is_superuser}) => usename !== null && !is_superuser);
  return [...groupBy(limited, ({usename}) => usename ?? '')]
    .map(([role, own]) => ({
      role,
      count: own.length,
    }))
    .sort((a, b) => b.count - a.count || (a.role < b.role ? -1 : 1));
}

function requirements(params: ParameterValues): DataRequirements {
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

/** The role of the URL, if it exists; without a URL, the busiest one in this database. */
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
    ...(busy && seenOf(busy.role, snapshot, facts)),
    ...(application?.prisma && {prisma_major: String(application.prisma.major)}),
  };
}

/** Readings of some minutes show more than one, where the role is that of one application. */
function seenOf(role: string, {backends}: Snapshot, {applications = []}: RecipeData): ParameterValues {
  const sessions = backends.filter(({usename}) => usename === role);
  const [pool, ...others] = applications.filter(({usename}) => usename === role);
  return pool !== undefined && others.length === 0 ? seenOfPool(pool, sessions) : seenInstances(sessions);
}

function plan(snapshot: Snapshot, params: ParameterValues, facts: RecipeData): Plan {
  const read = readValues(params, tuningParameters);
  requireVariable(read('variable'), facts);
  const choices = readTuningChoices(read, facts);
  const tuning = tunePool(snapshot, choices, facts);
  const load = readLoad(snapshot, choices.role?.name ?? null);
  const {role} = choices;
  return {
    recipe: recipe.id,
    params: completeTuningParams(read, choices),
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
