import type {Call} from '../../cli/call/usage.ts';
import {canShowConsole} from '../../cli/console-terminal.ts';
import type {CliContext} from '../../cli/context.ts';
import {catchInterrupts, exitCodeOfNormalEnd, raceInterrupt, untilAborted} from '../../cli/interrupts.ts';
import {stateFile} from '../../cli/state-file.ts';
import {jsonText} from '../../core/text/json.ts';
import type {Demo} from '../../demo/demo.ts';
import type {Finding} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import type {usage} from './flags.ts';

export type DemoFlags = Call<typeof usage>['flags'];

export type OtherCommands = {
  console(
    context: CliContext,
    call: {words: string[]; flags: Pick<DemoFlags, 'interval' | 'journal' | 'theme'>},
    hooks?: Hooks,
  ): Promise<ExitCode>;
  snapshot(context: CliContext, call: {words: string[]; flags: object}): Promise<ExitCode>;
};

type Hooks = {onFindings?(findings: readonly Finding[]): void; isDemo?: true};

type Show = Hooks & {
  flags: DemoFlags;
  start(onProgress: (text: string) => void): Promise<Demo>;
  /** Further members of the document of --serve. */
  document?: object;
};

export function reportTo({output}: CliContext): (text: string) => void {
  return text => output.stderr(`poolctl demo: ${text}`);
}

/** Starts a demo, and opens the console on it, prints one snapshot or serves it, as the flags say; then stops it. */
export async function showDemo(
  context: CliContext,
  {flags, start, document = {}, onFindings}: Show,
  {console, snapshot}: OtherCommands,
): Promise<ExitCode> {
  const report = reportTo(context);
  const interrupts = catchInterrupts(context, {within_ms: 20_000});
  const {signal} = interrupts;
  let demo: Demo | null = null;
  try {
    // If this is interrupted, the server's watchdog removes the server.
    demo = await raceInterrupt(start(report), signal);
    report(demo.description);
    if (flags.serve) return await serve(context, demo, {json: flags.json ?? false, document, signal});
    const within = {...context, env: {...context.env, POOLCTL_RESCUE_URL: demo.rescueUrl}, interrupts};
    const words = [demo.url];
    if (flags.once || !canShowConsole(context)) return await snapshot(within, {words, flags: {}});
    // Runs on a throwaway server do not belong among those on real ones.
    const {interval, theme, journal = stateFile(context, 'demo-journal.jsonl')} = flags;
    return await console(
      within,
      {words, flags: {interval, theme, journal}},
      {
        ...(onFindings && {onFindings}),
        isDemo: true,
      },
    );
  } finally {
    await demo?.stop();
    interrupts.release();
  }
}

/** Prints the URL, for use in other terminals, and runs the server until Ctrl-C or another signal. */
async function serve(
  context: CliContext,
  {url, rescueUrl}: Demo,
  {json, document, signal}: {json: boolean; document: object; signal: AbortSignal},
): Promise<ExitCode> {
  const report = reportTo(context);
  context.output.stdout(json ? jsonText({schema_version: 1, url, rescue_url: rescueUrl, ...document}) : url);
  report(`when every slot is taken, use POOLCTL_RESCUE_URL=${rescueUrl}`);
  report('running until Ctrl-C');
  // The timer keeps the process running.
  const running = setInterval(() => {}, 60_000);
  await untilAborted(signal);
  clearInterval(running);
  return exitCodeOfNormalEnd();
}
