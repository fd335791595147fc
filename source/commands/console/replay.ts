import type {CliContext} from '../../cli/context.ts';
import {loadEndpoint, loadPrismaClient, selectVariants} from '../../cli/replay/load-endpoint.ts';
import {measureEndpoint} from '../../cli/replay/measure.ts';
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
  const source = {name, cwd: context.cwd, client: flags.client, isDemo: false};
  const endpoint = await loadEndpoint(name, source);
  if (endpoint.isWriting) throw writeRefused(endpoint.file);
  const variants = selectVariants(endpoint, options);
  const prisma = await loadPrismaClient(endpoint, source);
  onUpdate({kind: 'stage', text: 'connecting'});
  // Messages on stderr would overwrite the screen.
  const silent = {...context, output: {...context.output, stderr: () => {}}};
  const server = await openReplayServer(silent, request, {flags: {}, allowWrites: false, signal});
  try {
    const progress = progressOf(onUpdate);
    const measuring = {
      endpoint,
      variants,
      prisma,
      source,
      call: options,
      signal,
      progress,
      workersOnly: true,
    };
    return await measureEndpoint(silent, server, measuring);
  } finally {
    await server.close();
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

function progressOf(onUpdate: Options['onUpdate']): Parameters<typeof measureEndpoint>[2]['progress'] {
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
