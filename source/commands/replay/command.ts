import type {Call} from '../../cli/call/parse-call.ts';
import type {CliContext} from '../../cli/context.ts';
import {catchInterrupts} from '../../cli/interrupts.ts';
import {loadEndpoint} from '../../cli/replay/load-endpoint.ts';
import {measureEndpoint} from '../../cli/replay/measure.ts';
import {readReplayOptions} from '../../cli/replay/options.ts';
import {loadPrismaClient} from '../../cli/replay/prisma-client.ts';
import type {ReplayServerOptions} from '../../cli/replay/replay-server.ts';
import {openDemoReplayServer, openReplayServer} from '../../cli/replay/replay-server.ts';
import {selectVariants} from '../../cli/replay/variants.ts';
import {usageError} from '../../core/errors.ts';
import type {ExitCode} from '../../model/run.ts';
import {reportMarkdown} from '../../replay/report/markdown.ts';
import {reportText} from '../../replay/report/text.ts';
import {replay} from './print-replay.ts';
import {replayProgress} from './progress.ts';

/** `requestTo` finds the server by the call's words and flags; `requestToDemo` by the address alone. */
export type ReplayPorts = {
  requestTo: ReplayServerOptions['requestTo'];
  requestToDemo: ReplayServerOptions['requestTo'];
};

/** `poolctl replay <endpoint> [url]`. */
export async function runReplay(
  context: CliContext,
  {words, flags}: Call,
  ports: ReplayPorts,
): Promise<ExitCode> {
  const [name, url] = words;
  if (name === undefined)
    throw usageError('replay wants an endpoint file', 'Such as: poolctl replay students.sql --demo');
  if (flags.demo && url !== undefined)
    throw usageError('--demo and an address are both given', 'Leave out one of them.');
  if (flags.json && flags.markdown)
    throw usageError('--json and --markdown are both given', 'Leave out one of them.');
  for (const name of ['out', 'listen'] as const)
    if (flags[name] !== undefined)
      throw usageError(`--${name} is given without --capture`, 'It is for a capture.');
  // Whatever is off about the call is said before a server is there.
  const call = readReplayOptions(flags);
  const isDemo = flags.demo ?? false;
  const source = {name, cwd: context.cwd, client: flags.client, isDemo};
  const endpoint = await loadEndpoint(name, source);
  const variants = selectVariants(endpoint, call);
  if (endpoint.isWriting && !call.allowWrites && !isDemo)
    throw usageError(
      `${endpoint.file} writes`,
      'Allow it with --allow-writes, on a server that is there for it.',
    );
  const prisma = await loadPrismaClient(endpoint, source);
  const {signal, release} = catchInterrupts(context);
  const {demoDatabase = 'assessments'} = endpoint;
  const options = {flags, demoDatabase, allowWrites: call.allowWrites, seed: call.seed, signal};
  try {
    const stage = isDemo
      ? await openDemoReplayServer(context, {...options, requestTo: ports.requestToDemo})
      : await openReplayServer(context, url, {...options, requestTo: ports.requestTo});
    try {
      return await replay(
        {
          measure: () => {
            const progress = replayProgress(context);
            const measuring = {endpoint, variants, prisma, source, call, signal, progress};
            return measureEndpoint(context, stage, measuring).finally(progress.end);
          },
          toText: reportText,
          toMarkdown: reportMarkdown,
          isInterrupted: () => signal.aborted,
          output: context.output,
        },
        {json: flags.json ?? false, markdown: flags.markdown ?? false},
      );
    } finally {
      await stage.close();
    }
  } finally {
    release();
  }
}
