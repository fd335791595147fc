import {type Call, type Command, recipesFlag, type Usage} from '../../cli/call/usage.ts';
import type {CliContext} from '../../cli/context.ts';
import {readConfigurationFile} from '../../cli/locate-server.ts';
import {loadConfiguredRecipes} from '../../cli/recipes.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import type {ExitCode} from '../../model/run.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {describeCompletions} from './completions.ts';
import {renderBash} from './render-bash.ts';
import {renderFish} from './render-fish.ts';
import {renderZsh} from './render-zsh.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;

export const usage = {
  name: 'completion',
  summary: 'Print shell completions for bash, zsh or fish',
  arguments: [{shown: 'bash|zsh|fish', completes: shells}],
  flags: {...recipesFlag},
  details: [
    'bash: add "source <(poolctl completion bash)" to ~/.bashrc.',
    'zsh: add "source <(poolctl completion zsh)" to ~/.zshrc, after compinit.',
    'fish: run "poolctl completion fish > ~/.config/fish/completions/poolctl.fish".',
    'The script completes commands, flags and their values, and the recipes and targets that exist when it is printed.',
  ],
} as const satisfies Usage;

const renderers = {bash: renderBash, zsh: renderZsh, fish: renderFish};

/** `poolctl completion bash|zsh|fish`: a script for that shell on stdout. */
export async function run(
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
