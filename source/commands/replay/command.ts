import type {Call} from '../../cli/call/parse-call.ts';
import type {Shell} from '../../cli/context.ts';
import {takeInterrupts} from '../../cli/interrupts.ts';
import {loadEndpoint} from '../../cli/replay/load-endpoint.ts';
import {measureOn} from '../../cli/replay/measure.ts';
import {replayCallOf} from '../../cli/replay/options.ts';
import {prismaFor} from '../../cli/replay/prisma-client.ts';
import {openDemoStage, openStage, type StageOptions} from '../../cli/replay/replay-server.ts';
import {variantsOf} from '../../cli/replay/variants.ts';
import {usageError} from '../../core/errors.ts';
import type {ExitCode} from '../../model/run.ts';
import {reportMarkdown} from '../../replay/report/markdown.ts';
import {reportText} from '../../replay/report/text.ts';
import {replay} from './print-replay.ts';
import {replayProgress} from './progress.ts';

/** `requestTo` finds the server by the call's words and flags; `requestToDemo` by the address alone. */
export type ReplayPorts = {
  requestTo: StageOptions['requestTo'];
  requestToDemo: StageOptions['requestTo'];
};

/** `poolctl replay <endpoint> [url]`. */
export async function runReplay(shell: Shell, {words, flags}: Call, ports: ReplayPorts): Promise<ExitCode> {
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
  const call = replayCallOf(flags);
  const isDemo = flags.demo ?? false;
  const source = {name, cwd: shell.cwd, client: flags.client, isDemo};
  const endpoint = await loadEndpoint(name, source);
  const variants = variantsOf(endpoint, call);
  if (endpoint.isWriting && !call.allowWrites && !isDemo)
    throw usageError(
      `${endpoint.file} writes`,
      'Allow it with --allow-writes, on a server that is there for it.',
    );
  const prisma = await prismaFor(endpoint, source);
  const {signal, release} = takeInterrupts(shell);
  const {demoDatabase = 'assessments'} = endpoint;
  const options = {flags, demoDatabase, allowWrites: call.allowWrites, seed: call.seed, signal};
  try {
    const stage = isDemo
      ? await openDemoStage(shell, {...options, requestTo: ports.requestToDemo})
      : await openStage(shell, url, {...options, requestTo: ports.requestTo});
    try {
      return await replay(
        {
          measure: () => {
            const progress = replayProgress(shell);
            const measuring = {endpoint, variants, prisma, source, call, signal, progress};
            return measureOn(shell, stage, measuring).finally(progress.end);
          },
          toText: reportText,
          toMarkdown: reportMarkdown,
          isInterrupted: () => signal.aborted,
          output: shell.output,
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
