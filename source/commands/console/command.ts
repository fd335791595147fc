import {hostname} from 'node:os';
import type {Flags} from '../../cli/call/parse-call.ts';
import {type CliContext, hasTerminal} from '../../cli/context.ts';
import type {Engine} from '../../cli/execution/engine-context.ts';
import {readInterval, readWait} from '../../cli/flag-values.ts';
import {catchInterrupts, type Interrupts} from '../../cli/interrupts.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import {openConsole} from '../../console/console.ts';
import type {EnginePorts} from '../../core/engine/execute.ts';
import {slotsOf} from '../../core/engine/run-state.ts';
import {AbortError, BugError, exitCodes, usageError} from '../../core/errors.ts';
import {serverDifference, serverOf} from '../../core/server/server-identity.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Plan} from '../../model/plan.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {ExitCode, RunState} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {type Connection, connect, type WaitState} from '../../postgres/connect/connect.ts';
import {type ConnectionRequest, shortSource} from '../../postgres/connect/request.ts';
import {createSampler} from '../../postgres/sampler/sampler.ts';
import {createLastHour} from './last-hour.ts';
import {keepHeapSmall} from './small-heap.ts';

/** The console on a live server, until the user leaves it. */
export async function runConsole(
  context: CliContext,
  request: ConnectionRequest,
  flags: Flags,
  given?: Interrupts,
): Promise<ExitCode> {
  if (!hasTerminal(context)) {
    throw usageError(
      'the console needs a terminal',
      "'poolctl snapshot' prints one reading as JSON; 'poolctl check' is a health gate: exit 0 or 1",
    );
  }
  const interval_ms = readInterval(flags);
  const waitFor_ms = readWait(flags, Number.POSITIVE_INFINITY);
  let watching: Connection | null = null;
  let tell: (message: string) => void = () => {};
  let warn = tell;
  const connectToWatch = (signal: AbortSignal) =>
    connect(request, {
      purpose: 'watch',
      signal,
      waitFor_ms,
      onWait: state => tell(describeWait(state)),
    });
  const early = startEarly(connectToWatch);
  const sampler = createSampler({
    interval_ms,
    connect: async signal => {
      watching = await (early.take(signal) ?? connectToWatch(signal));
      return watching;
    },
  });
  const {recipes, skipped: left_out} = await loadRecipes(flags, request.settings);
  let journalNotice: string | null = null;
  const interrupts = given ?? catchInterrupts(context, {within_ms: 10_000});
  const {outcome, interruption} = await openConsole(
    {
      sampler,
      recipes,
      past: createLastHour(context),
      onFirstFrame: keepHeapSmall,
      onConnecting: listener => {
        tell = listener;
      },
      onNotice: listener => {
        warn = listener;
      },
      gather: async needs => {
        const [, , , , {loadRecipeData: loadExplained}] = await loadEngine();
        return loadExplained(requireConnection(watching), needs);
      },
      explain: async statement => {
        const {explainStatement} = await import('../../postgres/planner/explain.ts');
        const {readStatementText} = await import('../../postgres/sampler/statements-reader.ts');
        const connection = requireConnection(watching);
        const {rawClient: bare, request: used, server_version_num} = connection;
        const {lines, how} = await explainStatement(bare, {
          query: await readStatementText(connection, statement),
          database: statement.datname ?? '',
          connected_database: used.database,
          server_version_num,
          schema: request.prisma?.schema ?? null,
        });
        return [...lines, `(${how}: the statement was not executed)`];
      },
      describeSession: async ({pid, backend_start}) => {
        const {readSessionDetail, lockLines} = await import('../../postgres/sampler/session-detail.ts');
        const {client, server_version_num} = requireConnection(watching);
        const detail = await readSessionDetail(client, {pid, backend_start, server_version_num});
        return {query: detail.query, locks: lockLines(detail)};
      },
      execute: async function* (plan, server, signal) {
        try {
          yield* carryOutPlan(plan, {
            context,
            request,
            recipes,
            server,
            watching: requireConnection(watching),
            flags,
            signal,
            onNotice: text => {
              journalNotice = text;
            },
            onSettled: text => warn(text),
          });
        } finally {
          // What it changed is on the screen at once.
          sampler.refresh();
        }
      },
      replay: async (params, options) => {
        const {replayForConsole} = await import('./replay.ts');
        return replayForConsole(context, request, params, options);
      },
      readJournal: async () => {
        const [, , , {openConfiguredJournal: openJournalOf}] = await loadEngine();
        const onNotice = (text: string) => {
          journalNotice = text;
        };
        const journal = openJournalOf(context, flags, onNotice);
        const entries = await journal.inspect();
        const {ok, reason} = await journal.verify();
        return {
          entries,
          isBroken: !ok,
          problem: reason ?? journalNotice,
          unfinished: journal.unfinishedOf(entries).filter(({acting_pid}) => acting_pid === null).length,
          underWay: journal.underWay(entries),
          host: hostname(),
        };
      },
    },
    {
      address: `${request.user}@${request.host}:${request.port}/${request.database}`,
      source: shortSource(request),
      isProduction: request.is_production,
      environment: request.environment,
      interval_ms,
      env: context.env,
      streams: {stdin: context.stdin, stdout: context.stdout},
      interrupts,
      notice: noticeOf(request, left_out),
      isRecording: false,
    },
  );
  if (given === undefined) interrupts.release();
  if (interruption !== null) context.output.stderr(sanitise(`poolctl: ${interruption}`));
  if (interrupts.signal.aborted) return exitCodes.interrupted;
  return outcome === 'left' ? exitCodes.ok : exitCodes.connection;
}

/** Connects while the rest of the program is still being loaded: the server answers in the meantime. */
function startEarly(connectToWatch: (signal: AbortSignal) => Promise<Connection>): {
  /** The connection under way, once; it ends with `signal`. */
  take(signal: AbortSignal): Promise<Connection> | null;
} {
  const ending = new AbortController();
  let connecting: Promise<Connection> | null = connectToWatch(ending.signal);
  // Whoever takes it sees why it failed.
  connecting.catch(() => {});
  return {
    take(signal) {
      const taken = connecting;
      connecting = null;
      signal.addEventListener('abort', () => ending.abort(signal.reason), {once: true});
      return taken;
    },
  };
}

/** What is to be known of the address, where there is anything. */
function noticeOf(
  {ignoredParameters: stripped, warnings}: ConnectionRequest,
  left_out: readonly string[],
): string | null {
  const parts = stripped.length > 0 ? [`left out of the address: ${stripped.join(', ')}`] : [];
  return [...parts, ...warnings, ...left_out].join('; ') || null;
}

function describeWait({message, hint, waited_ms, next_try_in_ms}: WaitState): string {
  const waited = `waited ${Math.round(waited_ms / 1000)}s`;
  return `${message}; ${waited}, next try in ${Math.ceil(next_try_in_ms / 100) / 10}s. ${hint}`;
}

/**
 * Loaded along with the journal, right after the first frame: were it left until somebody acts, an upgrade under an
 * open console would have taken its files away by then.
 */
function loadEngine() {
  return Promise.all([
    import('../../core/engine/execute.ts'),
    import('../../core/engine/drift.ts'),
    import('../../postgres/sampler/read-once.ts'),
    import('../../cli/execution/engine-context.ts'),
    import('../../cli/recipe-data.ts'),
    import('../../cli/execution/recover-unfinished-runs.ts'),
  ]);
}

type ConsoleRun = {
  context: CliContext;
  request: ConnectionRequest;
  recipes: readonly Recipe[];
  watching: Connection;
  /** The one that the plan was made on. */
  server: ServerIdentity;
  flags: Flags;
  signal: AbortSignal;
  /** What the journal has to say may not be written over the screen. */
  onNotice: (text: string) => void;
  /** An act of an earlier run whose outcome nobody knew, and what became of it. */
  onSettled: (text: string) => void;
};

/**
 * The console's acts go through the same engine, journal and guards as `poolctl run` and `poolctl undo`. What earlier
 * runs left unknown is settled first.
 */
async function* carryOutPlan(plan: Plan, run: ConsoleRun): AsyncIterable<RunState> {
  const {context, request, watching, server, flags, signal, onNotice, onSettled} = run;
  const [{execute}, , {readOnce}, {openEngine}, , {recoverUnfinishedRuns: settleEarlier}] =
    await loadEngine();
  const {engine, identity} = openEngine(context, request, {flags, watching: () => watching, onNotice});
  try {
    const read = () => readOnce(watching, {rates_over_ms: null});
    const {target} = await read();
    const difference = serverDifference(server, serverOf(target));
    if (difference !== null)
      throw new AbortError(`${difference}; nothing was done`, {exitCode: exitCodes.drift});
    const acting = {...identity, target: target.id, server};
    // What keeps it from being settled keeps the run from being carried out, which says so.
    await settleEarlier(engine, {...acting, isDryRun: false}, onSettled).catch(() => {});
    yield* execute(plan, acting, {...engine, ...(await worldOf(plan, {...run, engine, read}))}, signal);
  } finally {
    await engine.executor.close();
  }
}

/** A run that takes another back rests on the journal alone; every other on what its recipe plans now. */
async function worldOf(
  plan: Plan,
  {recipes, watching, server, engine, read}: ConsoleRun & {engine: Engine; read: () => Promise<Snapshot>},
): Promise<Pick<EnginePorts, 'slots' | 'recheck'>> {
  const [, {recheckUndo, createDriftCheck}, , , {readRecipeData: loadRecipeData}] = await loadEngine();
  if (plan.undoes !== undefined) {
    const recheck = recheckUndo(plan.undoes, await engine.journal.read(), {
      server,
      host: engine.files?.host,
    });
    return {slots: async () => slotsOf((await read()).budget), recheck};
  }
  const recipe = recipes.find(({id}) => id === plan.recipe);
  if (recipe === undefined) throw new BugError(`a plan of an unknown recipe: ${plan.recipe}`);
  return createDriftCheck(recipe, plan.params, {read, load: needs => loadRecipeData(watching, needs)});
}

function requireConnection(connection: Connection | null): Connection {
  if (connection) return connection;
  throw new AbortError('not connected', {exitCode: exitCodes.connection});
}
