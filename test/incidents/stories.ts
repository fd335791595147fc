import {readdir} from 'node:fs/promises';
import type {HealthyStory, Story} from '../../source/demo/stories/story.ts';

const folders = ['../../source/demo/stories/', './stories/'].map(path => new URL(path, import.meta.url));

/** Every incident and every healthy server: a file of these folders that exports `story`. */
export async function loadStories(): Promise<(Story | HealthyStory)[]> {
  const files = await Promise.all(
    folders.map(async folder => (await readdir(folder)).sort().map(file => new URL(file, folder).href)),
  );
  const modules: {story?: Story | HealthyStory}[] = await Promise.all(files.flat().map(file => import(file)));
  return modules.flatMap(({story}) => story ?? []);
}

export function isIncident(story: Story | HealthyStory): story is Story {
  return 'first' in story;
}
