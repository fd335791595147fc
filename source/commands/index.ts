import manifest from '../../package.json' with {type: 'json'};
import {parseCall} from '../cli/call/parse-call.ts';
import {type Command, defineCommand} from '../cli/call/usage.ts';
import type {CliContext} from '../cli/context.ts';
import {exitCodes} from '../core/errors.ts';
import type {ExitCode} from '../model/run.ts';
import {usage as check} from './check/flags.ts';
import * as completion from './completion/command.ts';
import {usage as console} from './console/flags.ts';
import {usage as demo} from './demo/flags.ts';
import * as doctor from './doctor/command.ts';
import {usage as journal} from './journal/flags.ts';
import {usage as play} from './play/flags.ts';
import {usage as preflight} from './preflight/flags.ts';
import * as recipes from './recipes/command.ts';
import {usage as record} from './record/flags.ts';
import {usage as replay} from './replay/flags.ts';
import {usage as report} from './report/flags.ts';
import {usage as rollout} from './rollout/flags.ts';
import {usage as run} from './run/flags.ts';
import {usage as scan} from './scan/flags.ts';
import * as snapshot from './snapshot/command.ts';
import {usage as undo} from './undo/flags.ts';

/**
 * Every command, in the order of help. The parser, help, completions and the man page use this table. A command that
 * needs little code is a single file; of the others only `flags.ts` is loaded with the table.
 */
export const commands: readonly Command[] = [
  defineCommand(console, () => import('./console/command.ts')),
  defineCommand(demo, async () => {
    const [{runDemo}, opened] = await Promise.all([
      import('./demo/command.ts'),
      import('./console/command.ts'),
    ]);
    return {
      run: (context, call) => runDemo(context, call, {console: opened.run, snapshot: snapshot.run}),
    };
  }),
  defineCommand(snapshot.usage, async () => snapshot),
  defineCommand(check, () => import('./check/command.ts')),
  defineCommand(rollout, () => import('./rollout/command.ts')),
  defineCommand(doctor.usage, async () => ({run: doctor.run})),
  defineCommand(recipes.usage, async () => ({run: recipes.run})),
  defineCommand(run, () => import('./run/command.ts')),
  defineCommand(undo, () => import('./undo/command.ts')),
  defineCommand(replay, () => import('./replay/command.ts')),
  defineCommand(preflight, () => import('./preflight/command.ts')),
  defineCommand(scan, () => import('./scan/command.ts')),
  defineCommand(record, () => import('./record/command.ts')),
  defineCommand(play, () => import('./play/command.ts')),
  defineCommand(report, () => import('./report/command.ts')),
  defineCommand(journal, () => import('./journal/command.ts')),
  defineCommand(completion.usage, async () => ({
    run: (context, call) => completion.run(context, call, commands),
  })),
];

/** Runs the command that the arguments name, or prints its help or the version. Throws AbortError. */
export async function runCall(context: CliContext, argv: readonly string[]): Promise<ExitCode> {
  const call = parseCall(argv, commands);
  if (call.kind === 'run') {
    const program = await call.command.load();
    return program.run(context, call);
  }
  context.output.stdout(call.kind === 'version' ? manifest.version : await printHelp(context, call));
  return exitCodes.ok;
}

async function printHelp(
  context: CliContext,
  {command, words, flags}: Extract<ReturnType<typeof parseCall>, {kind: 'help'}>,
): Promise<string> {
  const {helpText} = await import('../cli/call/help-text.ts');
  if (command.name !== 'run') return helpText(command, {commands, recipes: []});
  const {loadConfiguredRecipes} = await import('../cli/recipes.ts');
  return helpText(command, {commands, recipes: await loadConfiguredRecipes(context, flags), id: words[0]});
}
