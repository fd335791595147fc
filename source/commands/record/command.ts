import type {Call} from '../../cli/call/usage.ts';
import {openSampler} from '../../cli/connection.ts';
import {type CliContext, type Output, printMessage} from '../../cli/context.ts';
import {readDuration, readInterval, readWait} from '../../cli/flag-values.ts';
import {catchInterrupts, exitCodeOfNormalEnd, raceInterrupt} from '../../cli/interrupts.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {cacheDiagnosisData, readRecipeData} from '../../cli/recipe-data.ts';
import {loadRecipesAndReport} from '../../cli/recipes.ts';
import {createAssessor} from '../../core/assessment/assess.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {attachFactFindings, worstSeverity} from '../../core/recipe/diagnose.ts';
import {counted, formatBytes} from '../../core/text/format.ts';
import {type Lock, lockEntry} from '../../journal/lock.ts';
import {resolvePath} from '../../journal/private-file.ts';
import type {ReadFailure, RecordedSnapshot, Sampler} from '../../model/ports.ts';
import type {Finding, Recipe, Severity} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {ExitCode} from '../../model/run.ts';
import {briefRecordingMs} from '../../recording/encoder.ts';
import {openRecordingFile} from '../../recording/recording-file.ts';
import {defaultMaxSize_mb, type usage} from './flags.ts';

const mebibyte = 1024 * 1024;

/** `poolctl record <file> [url]`: records until Ctrl-C, or for the time of `--for`. */
export async function run(
  context: CliContext,
  {words: [file, url], flags}: Call<typeof usage>,
): Promise<ExitCode> {
  if (file === undefined) throw usageError('record needs a file', 'Usage: poolctl record out.poolctl [url].');
  if (/^postgres(?:ql)?:\/\//i.test(file)) {
    throw usageError('record takes a file first, not a URL', 'Usage: poolctl record out.poolctl [url].');
  }
  const request = await locateServer(context, {url, flags});
  const interval_ms = readInterval(flags);
  const waitFor_ms = readWait(flags, Number.POSITIVE_INFINITY);
  const max_bytes = (flags.maxSize ?? defaultMaxSize_mb) * mebibyte;
  const {signal, release} = catchInterrupts(context);
  const {signal: ending, clear} = endAfter(flags.for, signal);
  const recipes = await loadRecipesAndReport(context.output, flags, request.settings);
  let lock: Lock | null = null;
  try {
    lock = await lockRecording(file);
    const recording = await openRecordingFile(file, {max_bytes});
    const options = {flags, interval_ms, waitFor_ms, signal: ending};
    const {sampler, connection} = await openSampler(context, request, options);
    const load = (needs: DataRequirements) => raceInterrupt(readRecipeData(connection(), needs), ending);
    const ports = {sampler, recipes, recording, load, output: context.output, now: Date.now};
    await record(ports, file, ending);
    return exitCodeOfNormalEnd();
  } finally {
    await lock?.release({isWritten: true});
    clear();
    release();
  }
}

/** A second process would end the recording of the first. Throws AbortError (exit 7) while another one records to the file. */
async function lockRecording(file: string): Promise<Lock | null> {
  try {
    const path = (await resolvePath(file)) ?? file;
    return await lockEntry(path, 0, {timeout_ms: 0, isWritten: async () => false});
  } catch (error) {
    // The file's own error says more.
    if (!(error instanceof AbortError)) return null;
    throw new AbortError(`another process is recording to ${file}`, {
      hint: 'Use a separate file for each recording.',
      exitCode: exitCodes.actFailed,
      cause: error,
    });
  }
}

/** Aborts after `--for TIME`, or with `interrupt`. AbortSignal.timeout may be garbage collected before it fires. */
function endAfter(text: string | undefined, interrupt: AbortSignal): {signal: AbortSignal; clear(): void} {
  const ending = new AbortController();
  interrupt.addEventListener('abort', () => ending.abort(), {once: true});
  if (text === undefined) return {signal: ending.signal, clear: () => {}};
  const maxTimerMs = 2 ** 31 - 1;
  const timer = setTimeout(() => ending.abort(), readDuration('--for', text, {min: 1000, max: maxTimerMs}));
  return {signal: ending.signal, clear: () => clearTimeout(timer)};
}

type RecordPorts = {
  sampler: Sampler;
  recipes: readonly Recipe[];
  recording: {
    add(snapshot: RecordedSnapshot, severity: Severity | null): Promise<void>;
    addFailure(failure: ReadFailure): Promise<void>;
    close(): Promise<void>;
    written(): {snapshots: number; bytes: number};
  };
  /** Reads what diagnoses need beyond the snapshot. */
  load(needs: DataRequirements): Promise<RecipeData>;
  output: Output;
  now(): number;
};

/**
 * Records every snapshot and every loss of the connection until the signal aborts. Throws AbortError (exit 7) if the
 * file cannot be written.
 */
export async function record(ports: RecordPorts, file: string, signal: AbortSignal): Promise<void> {
  const {sampler, recipes, recording, output} = ports;
  const attachFacts = attachFactFindings(recipes);
  const assessor = createAssessor(recipes);
  const readData = cacheDiagnosisData(recipes, ports.load, ports.now);
  let found: readonly Finding[] = [];
  let isConnected = false;
  const began_ms = ports.now();
  try {
    for await (const event of sampler.events(signal)) {
      if (event.kind === 'lost') {
        await recording.addFailure({at_ms: ports.now(), message: event.message});
        if (isConnected) printMessage(output, `${event.message}; recording resumes when the server answers`);
        isConnected = false;
        continue;
      }
      const {snapshot} = event;
      const statements = ports.now() - began_ms < briefRecordingMs;
      sampler.setVisible({statements, texts: [], server: 'recorded'});
      const data = await readData(found);
      const {findings, diagnosed} = assessor.assess(snapshot, data);
      found = findings;
      await recording.add(attachFacts(snapshot, data, diagnosed), worstSeverity(findings));
      if (!isConnected) printMessage(output, `recording ${snapshot.target.id} to ${file} until Ctrl-C`);
      isConnected = true;
    }
  } finally {
    await recording.close();
  }
  const {snapshots, bytes} = recording.written();
  printMessage(output, `${counted(snapshots, 'snapshot')}, ${formatBytes(bytes)} written to ${file}`);
}
