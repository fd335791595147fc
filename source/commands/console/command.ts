import {setFlagsFromString} from 'node:v8';
import type {Call} from '../../cli/call/usage.ts';
import {consoleStreams, requireConsoleTerminal} from '../../cli/console-terminal.ts';
import {type CliContext, printMessage} from '../../cli/context.ts';
import {readInterval, readTheme, readWait} from '../../cli/flag-values.ts';
import {catchInterrupts} from '../../cli/interrupts.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import type {ConsolePorts, PastPort} from '../../console/ports.ts';
import {AbortError, exitCodes} from '../../core/errors.ts';
import type {SampleEvent, SnapshotBuffer} from '../../model/ports.ts';
import type {Severity} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import {type Connection, connect, type WaitState} from '../../postgres/connect/connect.ts';
import {type ConnectionRequest, shortSource} from '../../postgres/connect/request.ts';
import {createSampler} from '../../postgres/sampler/sampler.ts';
import {readStatementNow} from '../../postgres/sampler/statement-text.ts';
import type {usage} from './flags.ts';
import {createRemembered} from './remembered.ts';
import {findSource} from './source-folder.ts';

/** `poolctl [url]`: the console on a live server, until the user closes it. `onFindings` is called with each reading's findings. */
export async function run(
  context: CliContext,
  {words: [url], flags}: Call<typeof usage>,
  {onFindings, isDemo = false}: Pick<ConsolePorts, 'onFindings'> & {isDemo?: boolean} = {},
): Promise<ExitCode> {
  const request = await locateServer(context, {url, flags});
  requireConsoleTerminal(
    context,
    "'poolctl snapshot' prints a snapshot as JSON, 'poolctl check' checks the health of the server, 'poolctl run' runs a recipe.",
  );
  const source = findSource(context, flags.source, request.settings.source);
  const theme = readTheme(flags, context, request.settings.theme);
  const interval_ms = readInterval(flags);
  const waitFor_ms = readWait(flags, Number.POSITIVE_INFINITY);
  let watching: Connection | null = null;
  let showWait: (message: string) => void = () => {};
  let showNotice = showWait;
  const connectToWatch = (signal: AbortSignal) =>
    connect(request, {
      purpose: 'watch',
      signal,
      waitFor_ms,
      onWait: state => showWait(describeWait(state)),
    });
  const early = connectEarly(connectToWatch);
  const sampler = createSampler({
    interval_ms,
    isAttended: true,
    connect: async signal => {
      watching = await (early.take(signal) ?? connectToWatch(signal));
      return watching;
    },
  });
  // Ink is loaded while the server answers, and only by the console.
  const [{openConsole}, {recipes, skipped}] = await Promise.all([
    import('../../console/console.ts'),
    loadRecipes(flags, request.settings),
  ]);
  let journalNotice: string | null = null;
  const keepNotice = (text: string) => {
    journalNotice = text;
  };
  const interrupts = catchInterrupts(context, {within_ms: 10_000});
  const {outcome, interruption} = await openConsole(
    {
      sampler,
      recipes,
      past: createLastHour(context),
      ...(onFindings && {onFindings}),
      ...(!isDemo && {remembered: createRemembered(context)}),
      onFirstFrame: keepHeapSmall,
      onConnecting: listener => {
        showWait = listener;
      },
      onNotice: listener => {
        showNotice = listener;
      },
      loadData: async needs => {
        const {loadRecipeData} = await loadExecution();
        return loadRecipeData(requireConnection(watching), needs);
      },
      copy: async (text, write) => {
        const {copyText} = await import('../../cli/clipboard.ts');
        return copyText(context, text, write);
      },
      explain: async statement => {
        const {explainStatement} = await import('../../postgres/planner/explain.ts');
        const connection = requireConnection(watching);
        const {rawClient, request: used, server_version_num} = connection;
        const {query, plan_calls} = await readStatementNow(connection, statement);
        const {lines, how} = await explainStatement(rawClient, {
          query,
          database: statement.datname ?? '',
          connected_database: used.database,
          server_version_num,
          schema: request.prisma?.schema ?? null,
        });
        const executed =
          plan_calls === null
            ? ''
            : `; of its executions ${plan_calls.generic} had a generic plan and ${plan_calls.custom} a custom one, which may differ`;
        return [...lines, `(${how}: the statement was not executed${executed})`];
      },
      describeSession: async backend => {
        const {describeSession} = await import('./describe-session.ts');
        return describeSession(requireConnection(watching), backend);
      },
      execute: async function* (plan, options) {
        const {executeInConsole} = await loadExecution();
        try {
          yield* executeInConsole(plan, {
            context,
            request,
            recipes,
            watching: requireConnection(watching),
            flags,
            ...options,
            onNotice: keepNotice,
            onRecovered: text => showNotice(text),
          });
        } finally {
          // Shows the effect on the screen immediately.
          sampler.refresh();
        }
      },
      replay: async (params, options) => {
        const {replayForConsole} = await import('./replay.ts');
        return replayForConsole(context, request, params, options);
      },
      ...(source !== null && {
        scan: {
          directory: source.directory,
          run: async () => {
            source.check();
            const {scanForConsole} = await import('./scan.ts');
            return scanForConsole(source.directory, () => requireConnection(watching));
          },
        },
      }),
      readJournal: async () => {
        const {readJournal} = await loadExecution();
        const journal = await readJournal(context, {flags, onNotice: keepNotice});
        return {...journal, problem: journal.problem ?? journalNotice};
      },
    },
    {
      address: `${request.user}@${request.host}:${request.port}/${request.database}`,
      source: shortSource(request),
      isProduction: request.is_production,
      environment: request.environment,
      interval_ms,
      theme,
      env: context.env,
      streams: consoleStreams(context),
      interrupts,
      notice: noticeOf(request, skipped),
      isRecording: false,
    },
  );
  interrupts.release();
  if (interruption !== null) printMessage(context.output, interruption);
  if (interrupts.signal.aborted) return exitCodes.interrupted;
  return outcome === 'left' ? exitCodes.ok : exitCodes.connection;
}

/** Connects while the rest of the program is loading. */
function connectEarly(connectToWatch: (signal: AbortSignal) => Promise<Connection>): {
  /** Returns the pending connection at the first call, then null. `signal` aborts it. */
  take(signal: AbortSignal): Promise<Connection> | null;
} {
  const ending = new AbortController();
  let connecting: Promise<Connection> | null = connectToWatch(ending.signal);
  // `take` returns the promise, so its caller handles a failure.
  connecting.catch(() => {});
  return {
    take(signal) {
      const pending = connecting;
      connecting = null;
      signal.addEventListener('abort', () => ending.abort(signal.reason), {once: true});
      return pending;
    },
  };
}

/** Notes about the URL and skipped recipes; null if there are none. */
function noticeOf(
  {ignoredParameters, warnings}: ConnectionRequest,
  skipped: readonly string[],
): string | null {
  const parts = ignoredParameters.length > 0 ? [`ignored in the URL: ${ignoredParameters.join(', ')}`] : [];
  return [...parts, ...warnings, ...skipped].join('; ') || null;
}

function describeWait({message, hint, waited_ms, next_try_in_ms}: WaitState): string {
  const waited = `waited ${Math.round(waited_ms / 1000)}s`;
  return `${message}; ${waited}, next try in ${Math.ceil(next_try_in_ms / 100) / 10}s. ${hint}`;
}

/**
 * Loads the module when the journal is first read, right after the first frame. An upgrade of poolctl may remove its
 * file before the first plan is executed.
 */
function loadExecution() {
  return import('./execute.ts');
}

function requireConnection(connection: Connection | null): Connection {
  if (connection) return connection;
  throw new AbortError('not connected', {exitCode: exitCodes.connection});
}

/**
 * Trades CPU time for memory, because the console may run on the overloaded server itself. V8's young generation stays
 * small instead of growing to 2 x 16 MB (2 x 32 MB from Node 24 on): one snapshot per second needs 2 MB. The old
 * generation is collected when it has grown by 40 %, not by 200 %. Called after the first frame, which it would delay by
 * 10 ms.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=40');
}

const hourMs = 3_600_000;
/** Ten times the size of an hour with 200 sessions. */
const maxBytes = 24 * 1024 * 1024;
/** The buffer's module is loaded after this many snapshots, so that it does not delay the first frame. */
const snapshotsBeforeLoading = 3;

/** Keeps the last hour of a live console in memory. */
export function createLastHour({cwd}: CliContext): PastPort {
  const waiting: [SampleEvent, Severity | null][] = [];
  let buffer: SnapshotBuffer | null = null;
  let loading: Promise<SnapshotBuffer> | null = null;
  const load = () => {
    loading ??= import('../../recording/recording.ts').then(({createSnapshotBuffer}) => {
      const loaded = createSnapshotBuffer({
        max_ms: hourMs,
        max_bytes: maxBytes,
        fileFor: target => `${cwd}/${fileNameOf(target, new Date())}`,
      });
      for (const [event, severity] of waiting.splice(0)) addTo(loaded, event, severity);
      buffer = loaded;
      return loaded;
    });
    return loading;
  };
  return {
    async recording() {
      const loaded = await load();
      // The recording must contain the snapshot on the screen.
      await loaded.flushed();
      return loaded;
    },
    record(event, severity) {
      if (buffer !== null) return addTo(buffer, event, severity);
      waiting.push([event, severity]);
      // If an upgrade of poolctl removed the module, there is no recording, and `recording` rejects.
      if (waiting.length >= snapshotsBeforeLoading) load().catch(() => waiting.splice(0));
    },
    write: async file => (await load()).save(file),
  };
}

function addTo(buffer: SnapshotBuffer, event: SampleEvent, severity: Severity | null): void {
  if (event.kind === 'snapshot') buffer.add(event.snapshot, severity);
  else buffer.addFailure({at_ms: Date.now(), message: event.message});
}

/** `poolctl-db.example-shop-20261121T140320Z.poolctl`. */
function fileNameOf(target: string, now: Date): string {
  const where = target.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 80);
  return `poolctl-${where}-${now.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z.poolctl`;
}
