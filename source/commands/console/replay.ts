import type {CliContext} from '../../cli/context.ts';
import {raceInterrupt} from '../../cli/interrupts.ts';
import {measureEndpoint, selectVariants, startEndpoint} from '../../cli/replay/measure.ts';
import {type MeasurementFlags, readReplayOptions} from '../../cli/replay/options.ts';
import {openReplayServer} from '../../cli/replay/replay-server.ts';
import {type AbortError, usageError} from '../../core/errors.ts';
import {readText} from '../../core/recipe/parameters.ts';
import type {ParameterValues} from '../../model/recipe.ts';
import type {ReplayDocument, ReplayUpdate} from '../../model/replay-report.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';

type Options = {signal: AbortSignal; onUpdate: (update: ReplayUpdate) => void};

/**
 * Runs the recipe replay-endpoint on the console's server, read-only and in another process. Throws AbortError as
 * `poolctl replay` does.
 */
export async function replayForConsole(
  context: CliContext,
  request: ConnectionRequest,
  params: ParameterValues,
  {signal, onUpdate}: Options,
): Promise<ReplayDocument> {
  const flags = flagsOf(params);
  const options = readReplayOptions(flags);
  const name = readText(params.endpoint ?? '') ?? '';
  onUpdate({kind: 'stage', text: 'loading the endpoint'});
  // Messages on stderr would overwrite the screen.
  const silent = {...context, output: {...context.output, stderr: () => {}}};
  const {client} = flags;
  const source = {name, cwd: context.cwd, client, isDemo: false, allowNetwork: false};
  const processes = startEndpoint(silent, source);
  try {
    const loaded = await raceInterrupt(processes.load(signal), signal);
    if (loaded.endpoint.isWriting) throw writeRefused(loaded.endpoint.file);
    const variants = selectVariants(loaded.endpoint, options);
    onUpdate({kind: 'stage', text: 'connecting'});
    const server = await openReplayServer(silent, request, {flags: {}, allowWrites: false, signal});
    try {
      const progress = progressOf(onUpdate);
      return await measureEndpoint(server, {
        ...loaded,
        processes,
        variants,
        call: options,
        signal,
        progress,
      });
    } finally {
      await server.close();
    }
  } finally {
    processes.close();
  }
}

/** The parameters as the command's flags. */
function flagsOf(params: ParameterValues): MeasurementFlags {
  const textOf = (name: string) => params[name]?.trim() || undefined;
  const limit = textOf('connection_limit');
  const [variant, concurrency, requests, client] = [
    textOf('variant'),
    textOf('concurrency'),
    textOf('requests'),
    readText(textOf('client') ?? '') ?? undefined,
  ];
  return {
    ...(limit !== undefined && (limit.includes('..') ? {sweep: limit} : {connectionLimit: limit})),
    ...(variant !== undefined && {variant}),
    ...(concurrency !== undefined && {concurrency}),
    ...(requests !== undefined && {requests: Number(requests)}),
    ...(client !== undefined && {client}),
  };
}

function progressOf(onUpdate: Options['onUpdate']): Parameters<typeof measureEndpoint>[1]['progress'] {
  return {
    onCase: ({variant, connection_limit, concurrency}, {index, of}) =>
      onUpdate({kind: 'case', index, of, variant: variant.name, connection_limit, concurrency}),
    onProgress: (_, progress) => onUpdate({kind: 'progress', ...progress}),
    onResult: result => onUpdate({kind: 'result', result}),
  };
}

function writeRefused(file: string): AbortError {
  return usageError(
    `${file} writes, and the console replays read-only`,
    "Use 'poolctl replay --allow-writes' on a test server.",
  );
}
