import type {Flags} from '../../cli/call/parse-call.ts';
import type {Shell} from '../../cli/context.ts';
import {loadEndpoint} from '../../cli/replay/load-endpoint.ts';
import {measureOn} from '../../cli/replay/measure.ts';
import {replayCallOf} from '../../cli/replay/options.ts';
import {prismaFor} from '../../cli/replay/prisma-client.ts';
import {openStage} from '../../cli/replay/replay-server.ts';
import {variantsOf} from '../../cli/replay/variants.ts';
import {type AbortError, usageError} from '../../core/errors.ts';
import {readText} from '../../core/recipe/parameters.ts';
import type {ParameterValues} from '../../model/parameter.ts';
import type {ReplayDocument, ReplayUpdate} from '../../model/replay-report.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';

type Options = {signal: AbortSignal; onUpdate: (update: ReplayUpdate) => void};

/**
 * The replay that the recipe replay-endpoint plans, on the server that the console is on: read-only, measured in a
 * process of its own. Throws AbortError as `poolctl replay` does.
 */
export async function replayForConsole(
  shell: Shell,
  request: ConnectionRequest,
  params: ParameterValues,
  {signal, onUpdate}: Options,
): Promise<ReplayDocument> {
  const flags = flagsOf(params);
  const call = replayCallOf(flags);
  const name = readText(params.endpoint ?? '') ?? '';
  onUpdate({kind: 'stage', text: 'loading the endpoint'});
  const source = {name, cwd: shell.cwd, client: flags.client, isDemo: false};
  const endpoint = await loadEndpoint(name, source);
  if (endpoint.isWriting) throw writes(endpoint.file);
  const variants = variantsOf(endpoint, call);
  const prisma = await prismaFor(endpoint, source);
  onUpdate({kind: 'stage', text: 'connecting'});
  // Whatever there is to say is on the screen already: it must not be written over.
  const silent = {...shell, output: {...shell.output, talk: () => {}}};
  const stage = await openStage(silent, undefined, {
    flags: {},
    allowWrites: false,
    signal,
    requestTo: async () => request,
  });
  try {
    const progress = progressOf(onUpdate);
    const measuring = {endpoint, variants, prisma, source, call, signal, progress, isApart: true};
    return await measureOn(silent, stage, measuring);
  } finally {
    await stage.close();
  }
}

/** As the command line would have them. */
function flagsOf(params: ParameterValues): Flags {
  const given = (name: string) => params[name]?.trim() || undefined;
  const limit = given('connection_limit');
  const [variant, concurrency, requests, client] = [
    given('variant'),
    given('concurrency'),
    given('requests'),
    readText(given('client') ?? '') ?? undefined,
  ];
  return {
    ...(limit !== undefined && (limit.includes('..') ? {sweep: limit} : {connectionLimit: limit})),
    ...(variant !== undefined && {variant}),
    ...(concurrency !== undefined && {concurrency}),
    ...(requests !== undefined && {requests: Number(requests)}),
    ...(client !== undefined && {client}),
  };
}

function progressOf(onUpdate: Options['onUpdate']): Parameters<typeof measureOn>[2]['progress'] {
  return {
    onCase: ({variant, connection_limit, concurrency}, {index, of}) =>
      onUpdate({kind: 'cell', index, of, variant: variant.name, connection_limit, concurrency}),
    onProgress: (_, progress) => onUpdate({kind: 'progress', ...progress}),
    onResult: result => onUpdate({kind: 'result', result}),
  };
}

function writes(file: string): AbortError {
  return usageError(
    `${file} writes: the console replays read-only`,
    "'poolctl replay --allow-writes' does, on a server that is there for it.",
  );
}
