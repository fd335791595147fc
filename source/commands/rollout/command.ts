import {readFile} from 'node:fs/promises';
import {dirname, resolve} from 'node:path';
import type {Call, Flags} from '../../cli/call/parse-call.ts';
import {readSnapshot} from '../../cli/connection.ts';
import type {CliContext} from '../../cli/context.ts';
import {createRunIdentity, openConfiguredJournal} from '../../cli/execution/engine-context.ts';
import {openWatching, type Watching} from '../../cli/health/open-watching.ts';
import {openPoolerClients} from '../../cli/health/pooler-clients.ts';
import {readBaseline} from '../../cli/health/read-baseline.ts';
import {requireMeasurableLimits} from '../../cli/health/require-limits.ts';
import {watchHealth} from '../../cli/health/watch-health.ts';
import {catchInterrupts} from '../../cli/interrupts.ts';
import {prompt} from '../../cli/prompt.ts';
import {loadRecipeData} from '../../cli/recipe-data.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {watchDefaults} from '../../core/health/thresholds.ts';
import {diagnoseAll} from '../../core/recipe/diagnose.ts';
import {loadDiagnosisData} from '../../core/recipe/load-data.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import {canonicalJson} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {claimEntry} from '../../journal/lock.ts';
import {makeFolder, resolvePath} from '../../journal/private-file.ts';
import {fateOf, processOf} from '../../journal/process-liveness.ts';
import {sha256} from '../../journal/sha256.ts';
import type {SampleEvent} from '../../model/ports.ts';
import type {ExitCode} from '../../model/run.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {connect} from '../../postgres/connect/connect.ts';
import {type ConnectionRequest, hostAndPort} from '../../postgres/connect/request.ts';
import {readPlan} from '../../rollout/plan.ts';
import {runCommand} from '../../rollout/run-command.ts';
import type {RolloutStage} from '../../rollout/state.ts';
import {type PlanFile, type RolloutPorts, runRollout as run, showRollout} from './run-rollout.ts';
import {requireServer} from './stage-health.ts';

type RequestTo = (target: string | null) => Promise<ConnectionRequest>;

/** `rollout run` and `rollout status`. */
export async function runRollout(
  context: CliContext,
  {words, flags}: Call,
  requestTo: RequestTo,
): Promise<ExitCode> {
  const [verb, file] = words;
  if ((verb !== 'run' && verb !== 'status') || file === undefined) {
    throw usageError(
      `rollout: ${verb === 'run' || verb === 'status' ? 'which plan?' : 'run or status?'}`,
      'It is poolctl rollout run|status PLAN.yaml.',
    );
  }
  const plan = await readPlanFile(context, file);
  const journal = openConfiguredJournal(context, flags);
  const json = flags.json ?? false;
  if (verb === 'status') return showRollout({journal, output: context.output}, plan, {json});
  const rolloutFlags = {
    dryRun: flags.dryRun ?? false,
    yes: flags.yes ?? false,
    approved: flags.approveStage ?? [],
    json,
  };
  const {signal, release} = catchInterrupts(context);
  const claim = rolloutFlags.dryRun ? null : await claimRollout(journal.file, plan.hash);
  try {
    const ports = await portsOf(context, {plan, flags, requestTo, signal});
    return await run({...ports, journal}, plan, rolloutFlags);
  } finally {
    await claim?.release({isWritten: true});
    release();
  }
}

/** Every mistake with its line on stderr. Throws AbortError (exit 2). */
async function readPlanFile({cwd, output}: CliContext, file: string): Promise<PlanFile> {
  const path = resolve(cwd, file);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw usageError(`cannot read ${file}: ${error.code ?? 'unknown error'}`);
  });
  const {plan, problems} = readPlan(text);
  const lines = problems.map(({line, message}) => `${file}:${line}: ${message}`);
  const last = lines.pop();
  if (last === undefined) return {file: path, plan, hash: sha256(canonicalJson(plan))};
  for (const each of lines) output.stderr(sanitise(`poolctl: ${each}`));
  throw usageError(last);
}

/** Ends with AbortError (exit 6) at the first one of another server. */
async function* readingsOf(
  stage: RolloutStage,
  server: ServerIdentity | null,
  {ports}: Watching,
): AsyncGenerator<SampleEvent> {
  for await (const reading of ports.readings) {
    if (reading.kind === 'snapshot') requireServer(stage, server, reading.snapshot.target.server);
    yield reading;
  }
}

/** Two of one plan at once would promote twice. Throws AbortError (exit 7) while another process runs it. */
async function claimRollout(journal: string, hash: string) {
  try {
    await makeFolder(dirname(journal));
    const file = (await resolvePath(journal)) ?? journal;
    return await claimEntry(`${file}.rollout-${hash.slice(0, 12)}`, 0, {
      timeout_ms: 0,
      isWritten: async () => false,
    });
  } catch (error) {
    if (!(error instanceof AbortError)) throw unwritable(journal, error);
    throw new AbortError(error.message.replace('the journal is held', 'this rollout is being run'), {
      hint: "'poolctl rollout status' tells where it is",
      exitCode: exitCodes.actFailed,
      cause: error,
    });
  }
}

function unwritable(journal: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  return new AbortError(`the journal ${journal} cannot be written: ${String(error.code)}`, {
    exitCode: exitCodes.journal,
    cause: error,
  });
}

type Context = {plan: PlanFile; flags: Flags; requestTo: RequestTo; signal: AbortSignal};

async function portsOf(
  context: CliContext,
  {plan, flags, requestTo, signal}: Context,
): Promise<Omit<RolloutPorts, 'journal'>> {
  const folder = dirname(plan.file);
  const requests = new Map<string | null, ConnectionRequest>();
  const watched = plan.plan.stages.filter(({watch}) => watch !== null);
  const poolerOf = ({pooler}: RolloutStage) => pooler ?? flags.pooler;
  for (const stage of watched) {
    const {target, limits} = stage;
    requireMeasurableLimits(limits, {has_pooler: poolerOf(stage) !== undefined, is_watched: true});
    requests.set(target, requests.get(target) ?? (await requestTo(target)));
  }
  const requestOf = ({target, name}: RolloutStage) => {
    const request = requests.get(target);
    if (request === undefined) throw usageError(`stage "${name}" has no server`);
    return request;
  };
  return {
    identity: createRunIdentity(context),
    output: context.output,
    signal,
    ask: context.stdin.isTTY ? question => prompt(context, question, signal) : undefined,
    targetOf: stage => {
      const request = requests.get(stage.target);
      return request === undefined ? plan.plan.name : `${hostAndPort(request)}/${request.database}`;
    },
    isRunning: process => fateOf(process, 0) === 'there',
    runCommand: (stage, command, onStarted) =>
      runCommand(command, {
        cwd: folder,
        env: {...context.env, POOLCTL_ROLLOUT: plan.plan.name, POOLCTL_STAGE: stage.name},
        timeout_ms: stage.command_timeout_ms,
        onStarted: pid => onStarted(processOf(pid)),
        onLine: line => context.output.stderr(sanitise(`${stage.name}| ${line}`)),
      }),
    async diagnose(stage) {
      if (stage.baseline !== null) await readBaseline({...context, cwd: folder}, stage.baseline);
      await (await openPoolerClients(context, poolerOf(stage))).close();
      const request = requestOf(stage);
      const {recipes} = await loadRecipes(flags, request.settings);
      const connection = await connect(request, {purpose: 'watch', signal});
      try {
        const snapshot = await readSnapshot(connection, {signal});
        const {facts} = await loadDiagnosisData(recipes, needs => loadRecipeData(connection, needs));
        const {findings} = diagnoseAll(recipes, snapshot, facts);
        return {findings, server: serverOf(snapshot.target)};
      } finally {
        await connection.close();
      }
    },
    async watch(stage, {for_ms, server, onSeen}) {
      const request = requestOf(stage);
      const {recipes} = await loadRecipes(flags, request.settings);
      const times = {...watchDefaults, ...stage.watch, for_ms};
      const pooler = await openPoolerClients(context, poolerOf(stage));
      let watching: Watching | null = null;
      try {
        watching = await openWatching(context, request, {flags, ...times, signal});
        return await watchHealth(
          {recipes, askPooler: pooler.ask, ...watching.ports, readings: readingsOf(stage, server, watching)},
          {
            ...times,
            limits: {...request.settings.limits, ...stage.limits},
            baseline:
              stage.baseline === null ? null : await readBaseline({...context, cwd: folder}, stage.baseline),
            slower_ratio: 1.5,
            onSeen,
          },
        );
      } finally {
        watching?.release();
        await pooler.close();
      }
    },
  };
}
