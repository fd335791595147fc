import {readFile} from 'node:fs/promises';
import {dirname, resolve} from 'node:path';
import type {Call} from '../../cli/call/usage.ts';
import {readSnapshots} from '../../cli/connection.ts';
import {type CliContext, createPrompt, printMessage} from '../../cli/context.ts';
import {createRunIdentity} from '../../cli/execution/engine-context.ts';
import {preflightWindow_ms} from '../../cli/flag-values.ts';
import {openPoolerClients, poolerAt} from '../../cli/health/pooler-clients.ts';
import {readBaseline} from '../../cli/health/read-baseline.ts';
import {poolerLimits, requireMeasurableLimits} from '../../cli/health/require-limits.ts';
import {openWatching, type Watching, watchHealth} from '../../cli/health/watch-health.ts';
import {catchInterrupts} from '../../cli/interrupts.ts';
import {openConfiguredJournal} from '../../cli/journal.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {awaitSafe} from '../../cli/preflight.ts';
import {loadRecipeData} from '../../cli/recipe-data.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import {assess} from '../../core/assessment/assess.ts';
import {samplesOf} from '../../core/assessment/samples.ts';
import {AbortError, BugError, exitCodes, usageError} from '../../core/errors.ts';
import {thresholds, watchDefaults} from '../../core/health/thresholds.ts';
import {loadDiagnosisData} from '../../core/recipe/diagnose.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import {canonicalJson} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {sha256} from '../../journal/chain.ts';
import {lockEntry, processLiveness, processOf} from '../../journal/lock.ts';
import {makeFolder, resolvePath} from '../../journal/private-file.ts';
import type {SampleEvent} from '../../model/ports.ts';
import type {ExitCode} from '../../model/run.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {connect} from '../../postgres/connect/connect.ts';
import {type ConnectionRequest, hostAndPort} from '../../postgres/connect/request.ts';
import {type RolloutStage, readPlan} from '../../rollout/plan.ts';
import {runCommand} from '../../rollout/run-command.ts';
import type {usage} from './flags.ts';
import {listRollouts, rolloutToRollBack} from './recorded.ts';
import {runRollback, runRollout, showRollout} from './run-rollout.ts';
import {type PlanFile, type RolloutPorts, requireServer} from './stages.ts';

/** `poolctl rollout run|status|abort|retry <plan> [url]` and `poolctl rollout list`. */
export async function run(context: CliContext, call: Call<typeof usage>): Promise<ExitCode> {
  const {words, flags} = call;
  const [verb, file] = words;
  if (verb === 'list' && file === undefined) {
    const journal = openConfiguredJournal(context, flags);
    return listRollouts({journal, output: context.output}, {json: flags.json ?? false});
  }
  if (!isVerb(verb) || file === undefined) {
    throw usageError(
      isVerb(verb) ? `rollout ${verb} needs a plan` : 'rollout takes run, status, abort, retry or list',
      'Usage: poolctl rollout run|status|abort|retry PLAN.yaml, or rollout list.',
    );
  }
  const plan = await readPlanFile(context, file);
  const journal = openConfiguredJournal(context, flags);
  const json = flags.json ?? false;
  if (verb === 'status') return showRollout({journal, output: context.output}, plan, {json});
  const dryRun = flags.dryRun ?? false;
  // The lock is that of the rollout to roll back, which an edited plan has another hash than.
  const {hash} = verb === 'run' ? plan : (await rolloutToRollBack({journal}, plan, verb)).plan;
  const {signal, release} = catchInterrupts(context);
  const lock = dryRun ? null : await lockRollout(journal.file, hash);
  try {
    const ports = await createServerPorts(context, {plan, call, signal});
    const approved = flags.approveStage ?? [];
    const options = {dryRun, yes: flags.yes ?? false, approved, json};
    return verb === 'run'
      ? await runRollout({...ports, journal}, plan, options)
      : await runRollback({...ports, journal}, plan, {...options, verb});
  } finally {
    await lock?.release({isWritten: true});
    release();
  }
}

const verbs = ['run', 'status', 'abort', 'retry'] as const;

function isVerb(word: string | undefined): word is (typeof verbs)[number] {
  return verbs.some(each => each === word);
}

/** Reads the plan and prints each error with its line. Throws AbortError (exit 2) if there is one. */
async function readPlanFile({cwd, output}: CliContext, file: string): Promise<PlanFile> {
  const path = resolve(cwd, file);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw usageError(`cannot read ${file}: ${error.code ?? 'unknown error'}`);
  });
  const {plan, problems} = readPlan(text);
  const lines = problems.map(({line, message}) => `${file}:${line}: ${message}`);
  const last = lines.pop();
  if (last === undefined) return {file: path, plan, hash: sha256(canonicalJson(plan))};
  for (const each of lines) printMessage(output, each);
  throw usageError(last);
}

/** Locks the plan, so that it is not promoted twice. Throws AbortError (exit 7) while another process runs it. */
async function lockRollout(journal: string, hash: string) {
  try {
    await makeFolder(dirname(journal));
    const file = (await resolvePath(journal)) ?? journal;
    return await lockEntry(`${file}.rollout-${hash.slice(0, 12)}`, 0, {
      timeout_ms: 0,
      isWritten: async () => false,
    });
  } catch (error) {
    if (!(error instanceof AbortError)) throw unwritable(journal, error);
    throw new AbortError(error.message.replace('the journal is locked', 'this rollout is being run'), {
      hint: "'poolctl rollout status' shows its progress.",
      exitCode: exitCodes.actFailed,
      cause: error,
    });
  }
}

function unwritable(journal: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  return new AbortError(`cannot write the journal ${journal}: ${String(error.code)}`, {
    exitCode: exitCodes.journal,
    cause: error,
  });
}

type PortOptions = {plan: PlanFile; call: Call<typeof usage>; signal: AbortSignal};

/** The ports of a rollout to servers, shell and terminal. Throws AbortError if a stage's server cannot be located. */
async function createServerPorts(
  context: CliContext,
  {plan, call: {words, flags}, signal}: PortOptions,
): Promise<Omit<RolloutPorts, 'journal'>> {
  const folder = dirname(plan.file);
  const requests = new Map<string | null, ConnectionRequest>();
  for (const stage of plan.plan.stages.filter(needsServer)) {
    const {target, limits} = stage;
    if (!requests.has(target)) {
      const where = target === null ? {url: words[2], flags} : {url: undefined, flags: {...flags, target}};
      requests.set(target, await locateServer(context, where));
    }
    const has_pooler = stage.pooler !== null || requests.get(target)?.pooler !== null;
    requireMeasurableLimits(limits, {has_pooler, is_watched: true});
  }
  const requestOf = ({target, name}: RolloutStage) => {
    const request = requests.get(target);
    if (request === undefined) throw usageError(`stage "${name}" has no server`);
    return request;
  };
  const openPooler = (stage: RolloutStage) => {
    const {pooler, limits} = stage;
    return openPoolerClients(context, pooler === null ? requestOf(stage).pooler : poolerAt(context, pooler), {
      isRequired: pooler !== null || flags.pooler !== undefined || poolerLimits(limits).length > 0,
    });
  };
  const baselineOf = async ({baseline}: RolloutStage) =>
    baseline === null ? null : readBaseline({...context, cwd: folder}, baseline);
  return {
    identity: createRunIdentity(context),
    output: context.output,
    signal,
    ask: createPrompt(context, signal),
    askInterrupted: createPrompt(context, new AbortController().signal),
    targetOf: stage => {
      const request = requests.get(stage.target);
      return request === undefined ? plan.plan.name : `${hostAndPort(request)}/${request.database}`;
    },
    isRunning: process => processLiveness(process, 0) === 'alive',
    runCommand: (stage, command, onStarted, reason) =>
      runCommand(command, {
        cwd: folder,
        env: {
          ...context.env,
          POOLCTL_ROLLOUT: plan.plan.name,
          POOLCTL_STAGE: stage.name,
          ...(reason !== undefined && {POOLCTL_REASON: reason}),
        },
        timeout_ms: stage.command_timeout_ms,
        onStarted: pid => onStarted(processOf(pid)),
        onLine: line => context.output.stderr(sanitise(`${stage.name}| ${line}`)),
      }),
    async judgeMigration(stage) {
      const {path, wait_ms} = stage.preflight ?? {path: '', wait_ms: 0};
      const connection = await connect(requestOf(stage), {purpose: 'watch', signal});
      try {
        return await awaitSafe(context.output, connection, {
          migration: {path, cwd: folder, autocommit: false},
          window_ms: preflightWindow_ms,
          for_ms: wait_ms,
          signal,
        });
      } finally {
        await connection.close();
      }
    },
    async diagnose(stage) {
      // Fails before the promotion if the watch could not read its baseline or pooler.
      await baselineOf(stage);
      await (await openPooler(stage)).close();
      const request = requestOf(stage);
      const {recipes} = await loadRecipes(flags, request.settings);
      const connection = await connect(request, {purpose: 'watch', signal});
      try {
        const snapshots = await readSnapshots(connection, {rates_over_ms: null, signal});
        const snapshot = snapshots.at(-1);
        if (snapshot === undefined) throw new BugError('nothing was read');
        const data = await loadDiagnosisData(recipes, needs => loadRecipeData(connection, needs));
        const {findings} = assess({recipes, snapshot, samples: samplesOf(snapshots), data});
        return {findings, server: serverOf(snapshot.target)};
      } finally {
        await connection.close();
      }
    },
    async watch(stage, {for_ms, server, onAvailable}) {
      const request = requestOf(stage);
      const {recipes} = await loadRecipes(flags, request.settings);
      const times = {...watchDefaults, ...stage.watch, for_ms};
      const pooler = await openPooler(stage);
      let watching: Watching | null = null;
      try {
        watching = await openWatching(context, request, {flags, ...times, signal});
        const events = requireServerOf(stage, server, watching.ports.events);
        return await watchHealth(
          {recipes, askPooler: pooler.ask, ...watching.ports, events},
          {
            ...times,
            limits: {...request.settings.limits, ...stage.limits},
            applications: stage.applications ?? [],
            baseline: await baselineOf(stage),
            slower_ratio: thresholds.slower_times.warning,
            onAvailable,
          },
        );
      } finally {
        watching?.release();
        await pooler.close();
      }
    },
  };
}

function needsServer({watch, preflight}: RolloutStage): boolean {
  return watch !== null || preflight !== undefined;
}

/**
 * Passes events on from the first snapshot that names its server: the very first of a connection does not, and would be
 * taken for this stage's. Throws AbortError (exit 6) at the first of another server.
 */
async function* requireServerOf(
  stage: RolloutStage,
  server: ServerIdentity | null,
  events: AsyncIterable<SampleEvent>,
): AsyncGenerator<SampleEvent> {
  for await (const event of events) {
    if (event.kind === 'snapshot') {
      if (server !== null && event.snapshot.target.server === undefined) continue;
      requireServer(stage, server, event.snapshot.target.server);
    }
    yield event;
  }
}
