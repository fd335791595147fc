import type {Call} from '../../cli/call/usage.ts';
import type {CliContext} from '../../cli/context.ts';
import {catchInterrupts, raceInterrupt} from '../../cli/interrupts.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {measureEndpoint, selectVariants, startEndpoint} from '../../cli/replay/measure.ts';
import {readReplayOptions} from '../../cli/replay/options.ts';
import {openDemoReplayServer, openReplayServer} from '../../cli/replay/replay-server.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import {formatCount} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ReplayDocument, ReplayResult} from '../../model/replay-report.ts';
import type {ExitCode} from '../../model/run.ts';
import type {BenchmarkOptions} from '../../replay/measure/benchmark.ts';
import {reportMarkdown, reportText} from '../../replay/report.ts';
import type {usage} from './flags.ts';

/** `poolctl replay <endpoint> [url]`, and with `--capture` `poolctl replay [url]`. */
export async function run(context: CliContext, call: Call<typeof usage>): Promise<ExitCode> {
  const {flags} = call;
  if (flags.capture !== undefined) {
    const {runCapture} = await import('./capture.ts');
    return runCapture(context, call);
  }
  const [name, url] = call.words;
  if (name === undefined)
    throw usageError('replay needs an endpoint file', 'Usage: poolctl replay students.sql --demo.');
  if (flags.demo && url !== undefined)
    throw usageError('--demo and a URL cannot be used together', 'Leave out one of them.');
  if (flags.json && flags.markdown)
    throw usageError('--json and --markdown cannot be used together', 'Leave out one of them.');
  for (const flag of ['out', 'listen'] as const)
    if (flags[flag] !== undefined)
      throw usageError(`--${flag} requires --capture`, `Add --capture, or leave out --${flag}.`);
  // Invalid flags and files are reported before poolctl connects.
  const options = readReplayOptions(flags);
  const isDemo = flags.demo ?? false;
  const {allowWrites, allowNetwork, seed} = options;
  const {client, clientModule} = flags;
  const source = {name, cwd: context.cwd, client, clientModule, isDemo, allowNetwork};
  const {signal, release} = catchInterrupts(context);
  const processes = startEndpoint(context, source);
  try {
    const loaded = await raceInterrupt(processes.load(signal), signal);
    const {endpoint} = loaded;
    const variants = selectVariants(endpoint, options);
    if (endpoint.isWriting && !options.allowWrites && !isDemo)
      throw usageError(`${endpoint.file} writes`, 'Allow it with --allow-writes, on a test server.');
    const server = isDemo
      ? await openDemoReplayServer(context, {
          database: flags.dbname ?? endpoint.demoDatabase ?? 'assessments',
          seed,
          signal,
        })
      : await openReplayServer(context, await locateServer(context, {url, flags}), {
          flags,
          allowWrites,
          signal,
        });
    try {
      const progress = createProgress(context);
      const measuring = {...loaded, processes, variants, call: options, signal, progress};
      const document = await measureEndpoint(server, measuring).finally(progress.end);
      printDocument(context, document, flags);
      if (signal.aborted) return exitCodes.interrupted;
      if (server.guard.isLost()) return exitCodes.connection;
      // Failed requests are results; an impossible measurement is a failure.
      return document.is_complete ? exitCodes.ok : exitCodes.actFailed;
    } finally {
      await server.close();
    }
  } finally {
    processes.close();
    release();
  }
}

function printDocument(
  {output}: CliContext,
  document: ReplayDocument,
  {json, markdown}: {json?: boolean | undefined; markdown?: boolean | undefined},
): void {
  if (json) output.stdout(jsonText(document, 2));
  else if (markdown) output.stdout(reportMarkdown(document));
  else output.stdout(reportText(document, output.columns));
}

/** Progress on stderr: one changing line on a terminal, one line per measurement in a log. */
function createProgress({
  stderr,
  output,
}: CliContext): Required<Pick<BenchmarkOptions, 'onCase' | 'onProgress' | 'onResult'>> & {end(): void} {
  const isLive = stderr.isTTY === true;
  let head = '';
  const show = (text: string) => stderr.write(`\r\u001b[K${sanitise(text)}`);
  return {
    onCase({variant, connection_limit, concurrency}, {index, of}) {
      head = `poolctl replay: ${index + 1}/${of} ${variant.name}, connection_limit ${connection_limit}, ${concurrency} users`;
      if (isLive) show(head);
      else output.stderr(sanitise(head));
    },
    onProgress(_, {elapsed_ms, requests, failed}) {
      if (!isLive) return;
      const errors = failed === 0 ? '' : `, ${formatCount(failed)} errors`;
      show(`${head}: ${formatCount((requests * 1000) / elapsed_ms)} requests/s${errors}`);
    },
    onResult: (_: ReplayResult) => {},
    end() {
      if (isLive) stderr.write('\r\u001b[K');
    },
  };
}
