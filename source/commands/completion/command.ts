import type {Call, Command} from '../../cli/call/usage.ts';
import type {CliContext} from '../../cli/context.ts';
import {readConfigurationFile} from '../../cli/locate-server.ts';
import {loadConfiguredRecipes} from '../../cli/recipes.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import type {ExitCode} from '../../model/run.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {describeCompletions} from './completions.ts';
import {shells, type usage} from './flags.ts';
import {renderBash} from './render-bash.ts';
import {renderFish} from './render-fish.ts';
import {renderZsh} from './render-zsh.ts';

const renderers = {bash: renderBash, zsh: renderZsh, fish: renderFish};

/** `poolctl completion bash|zsh|fish`: a script for that shell on stdout. */
export async function runCompletion(
  context: CliContext,
  {words: [name], flags}: Call<typeof usage>,
  commands: readonly Command[],
): Promise<ExitCode> {
  const shell = shells.find(each => each === name);
  if (shell === undefined) {
    throw usageError(
      name === undefined ? 'completion needs a shell' : `unknown shell "${name}"`,
      'Usage: poolctl completion bash, zsh or fish.',
    );
  }
  const configuration = await readConfigurationFile(localMachine(context.env, context.cwd));
  const completions = describeCompletions(commands, {
    recipes: await loadConfiguredRecipes(context, flags),
    targets: [...(configuration?.targets.keys() ?? [])],
  });
  context.output.stdout(renderers[shell](completions));
  return exitCodes.ok;
}
