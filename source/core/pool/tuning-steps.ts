import type {RecipeData, RoleLimit} from '../../model/recipe-data.ts';
import type {AdviceStep, FileStep, SqlStep, Step, Verification} from '../../model/step.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {adapterLines, adapterSettings, patchCall} from './adapter-call.ts';
import {envChange} from './env.ts';
import {poolerChanges, poolerLines} from './pgbouncer-ini.ts';
import type {PoolSettings} from './presets.ts';
import {envFileOf, leastLimit, type PoolKind, type Tuning} from './tuning.ts';

/** The server's step comes first, because it may be refused; advice comes last. */
export function tuningSteps(tuning: Tuning, facts: RecipeData): Step[] {
  const {apply} = tuning.choices;
  const files = [
    ...(apply.includes('env') ? envSteps(tuning, facts) : []),
    ...(apply.includes('adapter') ? adapterSteps(tuning, facts) : []),
  ];
  const pooler = apply.includes('pgbouncer') ? poolerSteps(tuning, facts) : [];
  return [
    ...(apply.includes('role') ? roleSteps(tuning) : []),
    ...files,
    ...pooler,
    ...poolAdvice(tuning, facts, files),
    ...(files.length > 0 ? [restartAdvice] : []),
    ...poolerAdvice(tuning, facts, pooler),
  ];
}

/** The URL's parameters, as Prisma up to 6 reads them: seconds. */
function urlParameters(settings: PoolSettings): Record<string, string> {
  return {
    connection_limit: String(settings.connection_limit),
    pool_timeout: String(settings.pool_timeout_s),
    connect_timeout: String(settings.connect_timeout_s),
  };
}

function roleSteps({choices: {role}, role_limit}: Tuning): SqlStep[] {
  if (role === null || role.is_superuser || role.connection_limit === role_limit) return [];
  // 0 would lock the role out.
  if (role_limit === 0) return [];
  const limit = (value: number) => ({
    text: `ALTER ROLE ${quoteIdentifier(role.name)} CONNECTION LIMIT ${value}`,
    values: [],
  });
  return [
    {
      kind: 'sql',
      title: `limit role ${role.name} to ${role_limit} connections (${limitText(role)} now)`,
      subject: `role:${role.name}`,
      guard: limitIs(role, role.connection_limit),
      apply: limit(role_limit),
      // ALTER ROLE takes a name. If it was reused since the guard, this check of the oid fails.
      proof: limitIs(role, role_limit),
      undo: {
        apply: limit(role.connection_limit),
        proof: limitIs(role, role.connection_limit),
        guard: limitIs(role, role_limit),
        verify: limitIs(role, role.connection_limit),
      },
      verify: limitIs(role, role_limit),
      lock: 'none',
      transaction: true,
      timeout_ms: 5000,
    },
  ];
}

function limitText({connection_limit}: RoleLimit): string {
  return connection_limit < 0 ? 'none' : String(connection_limit);
}

/** Does not find a role that was renamed or has become a superuser, which has no limit. */
function limitIs({oid, name}: RoleLimit, value: number): Verification {
  const text =
    'SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE oid = $1::oid AND rolname = $2 AND NOT rolsuper';
  return {query: {text, values: [oid, name]}, expect: {column: 'rolconnlimit', op: '=', value}};
}

function envSteps({settings, kind}: Tuning, facts: RecipeData): FileStep[] {
  const file = envFileOf(facts);
  if (file === null || file.problem !== null || settings === null || kind === 'adapter') return [];
  const {edits, diff} = envChange(file, urlParameters(settings));
  if (edits.length === 0) return [];
  return [
    {
      kind: 'file',
      title: `set the pool in ${file.variable}, then restart the application`,
      subject: `file:${file.path}`,
      path: file.path,
      change: {kind: 'url_query', variable: file.variable, edits},
      diff,
    },
  ];
}

function adapterSteps({settings, kind}: Tuning, {application}: RecipeData): FileStep[] {
  if (settings === null || kind !== 'adapter') return [];
  return (application?.pools ?? []).flatMap(({path, line, call}): FileStep[] => {
    const patched = call === null ? null : patchCall(call, adapterSettings(settings));
    if (call === null || patched === null || patched === call) return [];
    return [
      {
        kind: 'file',
        title: `set the adapter's pool at line ${line}, then restart the application`,
        subject: `file:${path}`,
        path,
        change: {kind: 'replace', before: call, after: patched},
        diff: diffLines(call, patched),
      },
    ];
  });
}

function poolerSteps({pooler}: Tuning, {pooler_file: file}: RecipeData): FileStep[] {
  if (file === undefined || file.problem !== null) return [];
  return poolerChanges(file, pooler).map(({names, change, diff}, _, {length}) => ({
    kind: 'file',
    title: `set PgBouncer's ${length === 1 ? 'pool sizes' : names.join(', ')}, then reload it`,
    subject: `file:${file.path}`,
    path: file.path,
    change,
    diff,
  }));
}

/** Advice for pools that poolctl could not change. */
function poolAdvice(tuning: Tuning, facts: RecipeData, done: readonly FileStep[]): AdviceStep[] {
  const {settings, kind} = tuning;
  if (settings === null) return [];
  const variable = envFileOf(facts)?.variable ?? facts.application?.url_variable ?? 'DATABASE_URL';
  const isPrisma8 = leastLimit(tuning.choices) > 1;
  const adviceFor = (of: PoolKind, places: readonly string[]) =>
    isPrisma8 ? [prisma8Advice(variable, settings, places)] : adviceOn(of, variable, settings, places);
  if (kind === null) return [...adviceFor('url', []), ...adviceFor('adapter', [])];
  if (kind === 'url') {
    const file = envFileOf(facts);
    const parameters = Object.entries(urlParameters(settings));
    const isSet = parameters.every(([name, value]) => file?.parameters[name] === value);
    // Prisma's proxy takes no pool's parameters.
    const isProxy = file?.problem != null && file.pooler !== null;
    return done.length > 0 || isSet || isProxy
      ? []
      : adviceFor(kind, file?.problem ? [`${file.path}: ${file.problem}`] : []);
  }
  const pools = facts.application?.pools ?? [];
  const parameters = Object.entries(adapterSettings(settings));
  const left = pools.filter(({path, call, settings: own}) => {
    const isSet = parameters.every(([name, value]) => own[name as keyof typeof own] === value);
    return (
      !isSet &&
      !done.some(step => step.path === path && step.change.kind === 'replace' && step.change.before === call)
    );
  });
  if (pools.length > 0 && left.length === 0) return [];
  return adviceFor(
    kind,
    left.map(({path, line}) => `${path}:${line}`),
  );
}

function adviceOn(
  kind: PoolKind,
  variable: string,
  settings: PoolSettings,
  places: readonly string[],
): AdviceStep[] {
  const lines =
    kind === 'url'
      ? [
          `Prisma up to 6: add to the query of the application's ${variable}`,
          Object.entries(urlParameters(settings))
            .map(([name, value]) => `${name}=${value}`)
            .join('&'),
        ]
      : [
          'Prisma 7, or an adapter: add to the object of new PrismaPg({...}), or of the pool passed to it (Prisma 8: the pg.Pool given to postgres({pg}))',
          ...adapterLines(adapterSettings(settings)).map(line => `  ${line}`),
        ];
  const title = kind === 'url' ? 'set the pool in the URL' : "set the adapter's pool";
  return [{kind: 'advice', title, subject: 'application', text: [...lines, ...places].join('\n')}];
}

/** The `poolOptions` of Prisma 8's own pool are two timeouts (8.0.0-rc.13). */
function prisma8Advice(variable: string, settings: PoolSettings, places: readonly string[]): AdviceStep {
  const lines = [
    'Prisma 8: its poolOptions have no max, so give it a pool in place of url:',
    'const pool = new Pool({',
    `  connectionString: process.env.${variable},`,
    ...adapterLines(adapterSettings(settings)).map(line => `  ${line}`),
    '});',
    "pool.on('error', () => {}); // else an ended idle session ends the process",
    'export const db = postgres<Contract>({contractJson, pg: pool});',
  ];
  return {
    kind: 'advice',
    title: 'give Prisma 8 a pool of this size',
    subject: 'application',
    text: [...lines, ...places].join('\n'),
  };
}

const restartAdvice: AdviceStep = {
  kind: 'advice',
  title: 'restart or redeploy the application',
  subject: 'application',
  text: 'A process creates its pool when it starts: running processes keep theirs.',
};

function poolerAdvice(tuning: Tuning, {pooler_file}: RecipeData, done: readonly FileStep[]): AdviceStep[] {
  const {settings, pooler, pooled, choices} = tuning;
  if (done.length > 0) return [reloadAdvice];
  const isWanted =
    settings === null || choices.platform.id === 'pgbouncer' || choices.apply.includes('pgbouncer');
  const isSet = pooler_file?.problem === null && poolerChanges(pooler_file, pooler).length === 0;
  if (!isWanted || isSet) return [];
  const problem = pooler_file?.problem ? [`${pooler_file.path}: ${pooler_file.problem}`] : [];
  const text = [
    `pgbouncer.ini, with connection_limit=${pooled.connection_limit} (or max) in each instance:`,
    '[pgbouncer]',
    ...poolerLines(pooler),
    ...problem,
    ...preparedStatements,
  ];
  return [{kind: 'advice', title: 'put PgBouncer in front', subject: 'pooler', text: text.join('\n')}];
}

const preparedStatements = [
  'Prisma up to 6 uses prepared statements: max_prepared_statements = 200 from PgBouncer 1.21 on (the default since',
  '1.24), pgbouncer=true in the URL before. Migrations connect directly: DIRECT_URL.',
];

const reloadAdvice: AdviceStep = {
  kind: 'advice',
  title: 'reload PgBouncer',
  subject: 'pooler',
  text: [
    'Run RELOAD in its admin console, or send SIGHUP: changing the file has no effect until then.',
    ...preparedStatements,
  ].join('\n'),
};

/** A diff of the lines between the common start and end. */
function diffLines(before: string, after: string): string[] {
  const [old, fresh] = [before.split(/\r?\n/), after.split(/\r?\n/)];
  let head = 0;
  while (head < Math.min(old.length, fresh.length) && old[head] === fresh[head]) head++;
  let tail = 0;
  const most = Math.min(old.length, fresh.length) - head;
  while (tail < most && old.at(-1 - tail) === fresh.at(-1 - tail)) tail++;
  return [
    ...old
      .slice(0, head)
      .slice(-1)
      .map(line => ` ${line}`),
    ...old.slice(head, old.length - tail).map(line => `-${line}`),
    ...fresh.slice(head, fresh.length - tail).map(line => `+${line}`),
  ];
}
