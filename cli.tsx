#!/usr/bin/env node
import {recipes} from './recipes/index.ts';
import type {Call, Flags} from './source/commands/parse-call.ts';
import {openConsole} from './source/console/console.ts';
import {parseDurationMs} from './source/core/duration.ts';
import {AbortError, BugError, type ExitCode, exitCodes} from './source/core/errors.ts';
import type {Output} from './source/core/ports.ts';
import type {Plan} from './source/core/recipe.ts';
import type {RunState} from './source/core/run-state.ts';
import {sanitise} from './source/core/sanitise.ts';
import {type Connection, connect} from './source/postgres/connect.ts';
import type {ConnectionRequest} from './source/postgres/connection-request.ts';
import {localMachine} from './source/postgres/local-machine.ts';
import {locate} from './source/postgres/locate.ts';
import {createSampler} from './source/postgres/sampler.ts';

const {env, argv, stdin, stdout, stderr} = process;
const forEverMs = Number.POSITIVE_INFINITY;

// A warning of node's or pg's would land in the middle of the screen.
process.removeAllListeners('warning');
process.on('warning', () => {});

process.exitCode = await main();
// A connection to a server that does not answer must not keep the program from leaving.
if (stdout.writableLength === 0) process.exit();
stdout.once('drain', () => process.exit());

async function main(): Promise<ExitCode> {
  try {
    return await dispatch(await parse(argv.slice(2)));
  } catch (error) {
    return report(error);
  }
}

/** Without flags there is nothing to parse, and the console need not wait for a parser to load. */
async function parse(words: string[]): Promise<Call> {
  const [first] = words;
  if (words.length === 0 || (words.length === 1 && first?.includes('://')))
    return {command: 'console', words, flags: {}};
  const {parseCall} = await import('./source/commands/parse-call.ts');
  return parseCall(words);
}

async function dispatch(call: Call): Promise<ExitCode> {
  switch (call.command) {
    case 'console':
      return runConsole(requestOf(call.words[0], call.flags), call.flags);
    case 'demo':
      return runDemo(call.flags);
    case 'snapshot':
      return runSnapshot(requestOf(call.words[0], call.flags), call.flags);
    case 'doctor':
      return runDoctor(requestOf(call.words[0], call.flags), call.flags);
    case 'recipes': {
      const {listRecipes} = await import('./source/commands/recipes.ts');
      return listRecipes({recipes, output: output()}, {json: call.flags.json ?? false});
    }
    case 'run':
      return runNamedRecipe(call);
    case 'journal': {
      const {showJournal} = await import('./source/commands/journal.ts');
      return showJournal({journal: await openJournalOf(call.flags), output: output()}, call.words, {
        json: call.flags.json ?? false,
      });
    }
  }
}

function requestOf(url: string | undefined, flags: Flags): ConnectionRequest {
  const {host, port, username, dbname, target, production} = flags;
  return locate({
    url,
    flags: {host, port, user: username, database: dbname, target, production},
    machine: localMachine(env, process.cwd()),
  });
}

function report(error: unknown): ExitCode {
  if (error instanceof AbortError) {
    stderr.write(`poolctl: ${sanitise(error.message)}\n${error.hint ? `  ${sanitise(error.hint)}\n` : ''}`);
    return error.exitCode;
  }
  const message = error instanceof Error ? error.message : String(error);
  stderr.write(`poolctl: this is a defect of poolctl: ${sanitise(message)}\n`);
  return exitCodes.actFailed;
}

async function runConsole(request: ConnectionRequest, flags: Flags): Promise<ExitCode> {
  if (!stdin.isTTY || !stdout.isTTY) {
    throw new AbortError('the console needs a terminal', {
      hint: '`poolctl snapshot` prints one reading as JSON.',
      exitCode: exitCodes.usage,
    });
  }
  let watching: Connection | null = null;
  let tell: (message: string) => void = () => {};
  const sampler = createSampler({
    interval_ms: intervalOf(flags),
    connect: async signal => {
      watching = await connect(request, {
        purpose: 'watch',
        signal,
        waitFor_ms: waitOf(flags, forEverMs),
        onWait: ({message, hint, waited_ms, next_try_in_ms}) =>
          tell(
            `${message}; waited ${Math.round(waited_ms / 1000)}s, next try in ${Math.ceil(next_try_in_ms / 100) / 10}s. ${hint}`,
          ),
      });
      return watching;
    },
  });
  await openConsole(
    {
      sampler,
      recipes,
      onConnecting: listener => {
        tell = listener;
      },
      explain: async statement => {
        const {explainStatement} = await import('./source/postgres/explain.ts');
        const {client, server_version_num} = requireConnection(watching);
        const {lines, how} = await explainStatement(client, {
          query: statement.query ?? '',
          database: statement.datname ?? '',
          connected_database: request.database,
          server_version_num,
          schema: request.prisma?.schema ?? null,
        });
        return [...lines, `(${how}: the statement was not executed)`];
      },
      describeSession: async ({pid, backend_start}) => {
        const {readSessionDetail, lockLines} = await import('./source/postgres/details.ts');
        const {client, server_version_num} = requireConnection(watching);
        const detail = await readSessionDetail(client, {pid, backend_start, server_version_num});
        return {query: detail.query, locks: lockLines(detail)};
      },
      carryOut: (plan, signal) =>
        carryOutInConsole(plan, {request, watching: requireConnection(watching), flags, signal}),
      readJournal: async () => {
        const journal = await openJournalOf(flags);
        const [entries, verdict, unfinished] = [
          await journal.read(),
          await journal.verify(),
          await journal.unfinished(),
        ];
        return {entries, problem: verdict.ok ? null : verdict.reason, unfinished: unfinished.length};
      },
    },
    {
      address: `${request.user}@${request.host}:${request.port}/${request.database}`,
      isProduction: request.is_production,
      interval_ms: intervalOf(flags),
      env,
      streams: {stdin, stdout},
      notice: request.stripped.length > 0 ? `left out of the address: ${request.stripped.join(', ')}` : null,
    },
  );
  return exitCodes.ok;
}

type ConsoleRun = {request: ConnectionRequest; watching: Connection; flags: Flags; signal: AbortSignal};

/** The console's acts go through the same engine, journal and guards as `poolctl run`. */
async function* carryOutInConsole(
  plan: Plan,
  {request, watching, flags, signal}: ConsoleRun,
): AsyncIterable<RunState> {
  const [{carryOut}, {watchWorld}, {readOnce}] = await Promise.all([
    import('./source/core/engine.ts'),
    import('./source/core/world.ts'),
    import('./source/postgres/read-once.ts'),
  ]);
  const recipe = recipes.find(({id}) => id === plan.recipe);
  if (recipe === undefined) throw new BugError(`a plan of an unknown recipe: ${plan.recipe}`);
  const {engine, identity} = await enginePorts(request, flags);
  const read = () => readOnce(watching, {rates_over_ms: null});
  const target = (await read()).target.id;
  yield* carryOut(plan, {...identity, target}, {...engine, ...watchWorld(recipe, plan.params, read)}, signal);
}

/** What acts need: a connection of their own, the journal, a clock; and who acts. */
async function enginePorts(request: ConnectionRequest, flags: Flags) {
  const [{createExecutor}, {sha256}, {randomBytes}, {hostname}, timers] = await Promise.all([
    import('./source/postgres/executor.ts'),
    import('./source/journal/journal-file.ts'),
    import('node:crypto'),
    import('node:os'),
    import('node:timers/promises'),
  ]);
  return {
    engine: {
      executor: createExecutor(() => connect(request, {purpose: 'act'})),
      journal: await openJournalOf(flags),
      clock: {
        now: () => new Date(),
        sleep: (ms: number, signal?: AbortSignal) =>
          timers.setTimeout(ms, undefined, signal === undefined ? {} : {signal}),
      },
      sha256,
    },
    identity: {
      run: randomBytes(4).toString('hex'),
      actor: `${localMachine(env, process.cwd()).os_user}@${hostname()}`,
    },
  };
}

async function runNamedRecipe({words, flags}: Call): Promise<ExitCode> {
  const [id, url] = words;
  const request = requestOf(url, flags);
  const [{runRecipe}, {readOnce}] = await Promise.all([
    import('./source/commands/run.ts'),
    import('./source/postgres/read-once.ts'),
  ]);
  let watching: Connection | null = null;
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  try {
    return await runRecipe(
      {
        recipes,
        read: async () => {
          watching ??= await connect(request, {purpose: 'watch', waitFor_ms: waitOf(flags, 0)});
          return readOnce(watching, {rates_over_ms: null});
        },
        ...(await enginePorts(request, flags)),
        ask: stdin.isTTY ? ask : undefined,
        output: output(),
        signal: interrupt.signal,
      },
      id,
      {
        set: flags.set ?? [],
        dryRun: flags.dryRun ?? false,
        yes: flags.yes ?? false,
        approve: flags.approve ?? null,
        json: flags.json ?? false,
      },
    );
  } finally {
    await (watching as Connection | null)?.close();
  }
}

async function ask(question: string): Promise<string | null> {
  const {createInterface} = await import('node:readline/promises');
  const lines = createInterface({input: stdin, output: stderr});
  const left = new Promise<null>(resolve => lines.once('close', () => resolve(null)));
  try {
    return await Promise.race([lines.question(question), left]);
  } finally {
    lines.close();
  }
}

async function runDemo(flags: Flags): Promise<ExitCode> {
  const {startDemo} = await import('./source/demo/demo.ts');
  const demo = await startDemo({
    seed: flags.seed ?? 1,
    calm: flags.calm ?? false,
    onProgress: text => stderr.write(`poolctl demo: ${text}\n`),
  });
  try {
    const machine = localMachine({...env, POOLCTL_RESCUE_URL: demo.rescueUrl}, process.cwd());
    const request = locate({url: demo.url, flags: {}, machine});
    stderr.write(`poolctl demo: ${demo.description}\n`);
    if (!flags.once && stdin.isTTY && stdout.isTTY) return await runConsole(request, flags);
    return await runSnapshot(request, flags);
  } finally {
    await demo.stop();
  }
}

/** One whole reading, and where rates are wanted a second one. */
async function runSnapshot(request: ConnectionRequest, flags: Flags): Promise<ExitCode> {
  const [{snapshot}, {readOnce}] = await Promise.all([
    import('./source/commands/snapshot.ts'),
    import('./source/postgres/read-once.ts'),
  ]);
  const rates_over_ms = flags.rates === undefined ? null : durationOf('rates', flags.rates, 100, 60_000);
  const connection = await connect(request, {purpose: 'watch', waitFor_ms: waitOf(flags, 0)});
  try {
    return await snapshot(
      {read: options => readOnce(connection, options), output: output()},
      {rates_over_ms},
    );
  } finally {
    await connection.close();
  }
}

async function runDoctor(request: ConnectionRequest, flags: Flags): Promise<ExitCode> {
  const [{doctor}, {examine}] = await Promise.all([
    import('./source/commands/doctor.ts'),
    import('./source/postgres/doctor.ts'),
  ]);
  const connection = await connect(request, {purpose: 'watch', waitFor_ms: waitOf(flags, 0)});
  try {
    return await doctor({examine: () => examine(connection), output: output()}, {json: flags.json ?? false});
  } finally {
    await connection.close();
  }
}

function output(): Output {
  return {
    data: text => void stdout.write(`${text}\n`),
    talk: text => void stderr.write(`${text}\n`),
    isTty: stdout.isTTY,
    columns: stdout.columns || 80,
    hasColour: stdout.isTTY && !env.NO_COLOR && env.TERM !== 'dumb',
  };
}

async function openJournalOf(flags: Flags) {
  const {openJournal} = await import('./source/journal/journal-file.ts');
  const state = env.XDG_STATE_HOME || `${env.HOME ?? '.'}/.local/state`;
  const file = flags.journal ?? env.POOLCTL_JOURNAL ?? `${state}/poolctl/journal.jsonl`;
  return openJournal(file, {onNotice: text => stderr.write(`poolctl: ${sanitise(text)}\n`)});
}

function intervalOf(flags: Flags): number {
  return flags.interval === undefined ? 2000 : durationOf('interval', flags.interval, 500, 60_000);
}

function waitOf(flags: Flags, otherwise: number): number {
  return flags.wait === undefined ? otherwise : durationOf('wait', flags.wait, 0, forEverMs);
}

function durationOf(name: string, text: string, least: number, most: number): number {
  const ms = parseDurationMs(text);
  if (ms !== null && ms >= least && ms <= most) return ms;
  throw new AbortError(`--${name} ${text} is no duration poolctl can use here`, {
    hint: `As PostgreSQL reads intervals: 2s, 500ms, 1min${most === forEverMs ? '' : `; from ${least / 1000}s to ${most / 1000}s`}.`,
    exitCode: exitCodes.usage,
  });
}

function requireConnection(connection: Connection | null): Connection {
  if (connection) return connection;
  throw new AbortError('not connected', {exitCode: exitCodes.connection});
}
