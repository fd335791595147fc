import type {Call} from '../../cli/call/usage.ts';
import type {CliContext} from '../../cli/context.ts';
import {readInterval} from '../../cli/flag-values.ts';
import {usageError} from '../../core/errors.ts';
import {startDemo} from '../../demo/demo.ts';
import type {ExitCode} from '../../model/run.ts';
import type {usage} from './flags.ts';
import {type OtherCommands, showDemo} from './show.ts';

/**
 * `poolctl demo`: starts the throwaway server and opens the console on it. `--once`, or no terminal, prints one
 * snapshot; `--serve` prints the URL. `--story` starts another incident.
 */
export async function runDemo(
  context: CliContext,
  {flags}: Call<typeof usage>,
  commands: OtherCommands,
): Promise<ExitCode> {
  if (flags.once && flags.serve) {
    throw usageError('--once and --serve cannot be used together', 'Leave out one of them.');
  }
  // Reports an invalid interval before the server starts.
  readInterval(flags);
  const {story, seed, calm = false} = flags;
  if (story === undefined) {
    const start = (onProgress: (text: string) => void) => startDemo({seed: seed ?? 1, calm, onProgress});
    return showDemo(context, {flags, start}, commands);
  }
  if (calm || seed !== undefined) {
    throw usageError(
      `${calm ? '--calm' : '--seed'} cannot be used with --story`,
      'Leave it out: a story is always the same.',
    );
  }
  const {listStories, runStory} = await import('./story.ts');
  if (story === 'list') return listStories(context, flags);
  return runStory(context, {story, flags}, commands);
}
