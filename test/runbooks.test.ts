import {readdirSync, readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {recipes} from '../recipes/index.ts';
import {commands} from '../source/commands/index.ts';
import {stories} from '../source/demo/stories/index.ts';
import {type StoryName, storyNames} from '../source/demo/stories/names.ts';
import {isIncident, loadStories} from './incidents/stories.ts';

const folder = new URL('../docs/runbooks/', import.meta.url);
const index = readFileSync(new URL('README.md', folder), 'utf8');
/** Those to train with, and those of the tests alone. */
const incidents = (await loadStories()).filter(isIncident);
const pages = readdirSync(folder)
  .filter(name => name !== 'README.md')
  .map(name => ({name, text: readFileSync(new URL(name, folder), 'utf8')}));

describe.each(pages)('runbook $name', ({name, text}) => {
  const named = all(text, /--story ([\w-]+)/g);

  it('is in the index', () => {
    expect(index).toContain(`(${name})`);
  });

  it('has the four parts of a runbook', () => {
    const [title = '', meaning = ''] = text.split('\n\n');
    expect([title, meaning]).toEqual([expect.stringMatching(/^# /), expect.stringMatching(/\w/)]);
    expect(all(text, /^## (.+)$/gm)).toEqual(['What poolctl shows', 'What to do', 'What not to do']);
  });

  it('trains with stories that exist, and quotes the finding of each, and none that no story has', () => {
    const quoted = all(text, /```\n(.+)\n```/g);
    const known = named.map(each => storyNames.find(story => story === each) ?? `no story ${each}`);
    expect(known).toEqual(named);
    const shown = quoted.map(line => incidents.find(({first}) => first.summary.test(line))?.name ?? line);
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.filter(each => storyNames.some(story => story === each)).sort()).toEqual([...named].sort());
    expect(shown.filter(each => !incidents.some(({name}) => name === each))).toEqual([]);
  });

  it('names recipes and commands that exist, and what the stories recommend', () => {
    const ids: (string | null)[] = recipes.map(({id}) => id);
    const runs = all(text, /`poolctl run ([\w-]+)/g);
    expect(runs.filter(id => !ids.includes(id))).toEqual([]);
    const recommended = named
      .map(each => stories[each as StoryName].first.recipe)
      .filter(id => ids.includes(id));
    expect(runs).toEqual(expect.arrayContaining(recommended));
    const verbs = all(text, /`poolctl ([\w-]+)/g);
    expect(verbs.filter(verb => !commands.some(command => command.name === verb))).toEqual([]);
  });
});

describe('the runbooks', () => {
  it('train every story', () => {
    const trained = new Set(pages.flatMap(({text}) => all(text, /--story ([\w-]+)/g)));
    expect([...trained].sort()).toEqual([...storyNames].sort());
  });

  it.each(storyNames)('have a page for each code that story %s names, which trains with it', name => {
    const {page, solution} = stories[name];
    for (const code of new Set(all([page, ...solution].join('\n'), /\b(P2024|[0-5]\d[0-9A-Z]{3})\b/g))) {
      const [own] = pages.filter(({text}) => text.startsWith(`# ${code}: `));
      expect(own?.text, code).toContain(`\`poolctl demo --story ${name}\``);
    }
  });
});

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, found = '']) => found);
}
