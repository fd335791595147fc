import {recipesFlag, type Usage} from '../../cli/call/usage.ts';

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
