import {canShowConsole} from '../../cli/console-terminal.ts';
import type {CliContext} from '../../cli/context.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';
import {didYouMean} from '../../core/text/nearest.ts';
import {startStoryDemo} from '../../demo/stories/demo.ts';
import {stories} from '../../demo/stories/index.ts';
import {type StoryName, storyNames} from '../../demo/stories/names.ts';
import type {Story} from '../../demo/stories/story.ts';
import type {Finding} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import {type DemoFlags, type OtherCommands, reportTo, showDemo} from './show.ts';

/** `--story list`: each story's name and title. */
export function listStories({output}: CliContext, {json = false}: DemoFlags): ExitCode {
  const all = storyNames.map(name => stories[name]);
  const width = Math.max(...storyNames.map(({length}) => length));
  output.stdout(
    json
      ? jsonText({schema_version: 1, stories: all.map(({name, title, page}) => ({name, title, page}))})
      : all.map(({name, title}) => `${name.padEnd(width)}  ${title}`).join('\n'),
  );
  return exitCodes.ok;
}

/** `--story NAME`: prints its page, shows it, and then says how it was solved, and whether it is. */
export async function runStory(
  context: CliContext,
  {story: typed, flags}: {story: string; flags: DemoFlags},
  commands: OtherCommands,
): Promise<ExitCode> {
  const name = findStory(typed);
  const story = stories[name];
  const report = reportTo(context);
  const harm = watchHarm(story);
  // At once, so that it is read while the server starts.
  report(`your page: ${story.page}`);
  const exitCode = await showDemo(
    context,
    {
      flags,
      start: onProgress => startStoryDemo(name, {onProgress}),
      document: {story: name, page: story.page},
      onFindings: harm.onFindings,
    },
    commands,
  );
  if (flags.once || !(flags.serve || canShowConsole(context))) return exitCode;
  const result = harm.result();
  if (result !== null) report(result);
  for (const sentence of ['how it was solved:', ...story.solution]) report(sentence);
  return exitCode;
}

/** Throws AbortError (exit 2) if no story has this name. */
function findStory(typed: string): StoryName {
  const name = storyNames.find(each => each === typed);
  if (name !== undefined) return name;
  throw usageError(
    `no story "${typed}"${didYouMean(typed, storyNames)}`,
    `The stories: ${storyNames.join(', ')}.`,
  );
}

/** Follows from reading to reading whether a story's cause was found, and whether harm is left. */
export function watchHarm({first}: Pick<Story, 'first'>): {
  onFindings(findings: readonly Finding[]): void;
  /** null if the cause was never found. */
  result(): string | null;
} {
  let isFound = false;
  let left: Finding | undefined;
  return {
    onFindings(findings) {
      isFound ||= findings.some(({cause}) => cause === first.cause);
      left = findings.find(({harm}) => harm !== undefined);
    },
    result() {
      if (!isFound) return null;
      return left === undefined
        ? 'solved: no finding was left at the end'
        : `not solved: at the end there was still: ${left.summary}`;
    },
  };
}
