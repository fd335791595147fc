import type {Flags} from '../../cli/call/parse-call.ts';
import {connectToWatch} from '../../cli/connection.ts';
import type {CliContext} from '../../cli/context.ts';
import {readDuration, readInterval, readWait} from '../../cli/flag-values.ts';
import {catchInterrupts, exitCodeOfNormalEnd, raceInterrupt} from '../../cli/interrupts.ts';
import {readRecipeData} from '../../cli/recipe-data.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {DataRequirements} from '../../model/recipe-data.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Connection} from '../../postgres/connect/connect.ts';
import {connect} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {createSampler} from '../../postgres/sampler/sampler.ts';
import {openRecordingFile} from '../../recording/recording-file.ts';
import {record} from './write-recording.ts';

const mebibyte = 1024 * 1024;
const defaultMebibytes = 100;

/** Readings of a live server, written down until Ctrl-C or for as long as the call says. */
export async function runRecord(
  context: CliContext,
  file: string | undefined,
  request: ConnectionRequest,
  flags: Flags,
): Promise<ExitCode> {
  if (file === undefined) {
    throw usageError('record: to which file?', 'poolctl record out.poolctl [url]');
  }
  const interval_ms = readInterval(flags);
  const waitFor_ms = readWait(flags, Number.POSITIVE_INFINITY);
  const most_bytes = (flags.maxSize ?? defaultMebibytes) * mebibyte;
  const {signal, release} = catchInterrupts(context);
  const {signal: ending, clear} = endingAfter(flags, signal);
  const {recipes, skipped: left_out} = await loadRecipes(flags, request.settings);
  for (const text of left_out) context.output.stderr(sanitise(`poolctl: ${text}`));
  try {
    const recording = await openRecordingFile(file, {most_bytes});
    // An address that is off is told at once; a server that is lost later is waited for.
    let first: Connection | null = await connectToWatch(context, request, {flags, signal: ending});
    let current = first;
    const sampler = createSampler({
      interval_ms,
      connect: async signal => {
        const opened = first ?? (await connect(request, {purpose: 'watch', signal, waitFor_ms}));
        first = null;
        current = opened;
        return opened;
      },
    });
    const load = async (needs: DataRequirements) => {
      if (current === null) throw new AbortError('not connected', {exitCode: exitCodes.connection});
      return raceInterrupt(readRecipeData(current, needs), ending);
    };
    const ports = {sampler, recipes, recording, load, output: context.output, now: Date.now};
    await record(ports, file, ending);
    return exitCodeOfNormalEnd();
  } finally {
    clear();
    release();
  }
}

/** `--for TIME`, or the interrupt. Node's own AbortSignal.timeout may be collected before it is due. */
function endingAfter({for: text}: Flags, interrupt: AbortSignal): {signal: AbortSignal; clear(): void} {
  const ending = new AbortController();
  interrupt.addEventListener('abort', () => ending.abort(), {once: true});
  if (text === undefined) return {signal: ending.signal, clear: () => {}};
  const longest = 2 ** 31 - 1;
  const timer = setTimeout(() => ending.abort(), readDuration('--for', text, {least: 1000, most: longest}));
  return {signal: ending.signal, clear: () => clearTimeout(timer)};
}
