import {readFile} from 'node:fs/promises';
import {dirname, resolve} from 'node:path';
import type {Call} from '../../cli/call/command.ts';
import {type CliContext, printMessage} from '../../cli/context.ts';
import {catchInterrupts} from '../../cli/interrupts.ts';
import {openConfiguredJournal} from '../../cli/journal/configured-journal.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {canonicalJson} from '../../core/text/json.ts';
import {sha256} from '../../journal/chain.ts';
import {lockEntry} from '../../journal/lock.ts';
import {makeFolder, resolvePath} from '../../journal/private-file.ts';
import type {ExitCode} from '../../model/run.ts';
import {readPlan} from '../../rollout/plan.ts';
import type {usage} from './flags.ts';
import type {PlanFile} from './rollout.ts';
import {runRollout, showRollout} from './run-rollout.ts';
import {createServerPorts} from './server-ports.ts';

/** `poolctl rollout run|status <plan> [url]`. */
export async function run(context: CliContext, call: Call<typeof usage>): Promise<ExitCode> {
  const {words, flags} = call;
  const [verb, file] = words;
  const isKnown = verb === 'run' || verb === 'status';
  if (!isKnown || file === undefined) {
    throw usageError(
      isKnown ? `rollout ${verb} needs a plan` : 'rollout takes run or status',
      'Usage: poolctl rollout run|status PLAN.yaml.',
    );
  }
  const plan = await readPlanFile(context, file);
  const journal = openConfiguredJournal(context, flags);
  const json = flags.json ?? false;
  if (verb === 'status') return showRollout({journal, output: context.output}, plan, {json});
  const dryRun = flags.dryRun ?? false;
  const {signal, release} = catchInterrupts(context);
  const lock = dryRun ? null : await lockRollout(journal.file, plan.hash);
  try {
    const ports = await createServerPorts(context, {plan, call, signal});
    const approved = flags.approveStage ?? [];
    return await runRollout({...ports, journal}, plan, {dryRun, yes: flags.yes ?? false, approved, json});
  } finally {
    await lock?.release({isWritten: true});
    release();
  }
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
