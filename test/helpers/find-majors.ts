import path from 'node:path';
import process from 'node:process';
import type {TestProject} from 'vitest/node';
import {
  fetchedFolder,
  isInstalled,
  knownMajors,
  type Major,
  majorsVariable,
  selectedMajors,
} from './majors.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    majors: Major[];
  }
}

/**
 * Once per run, before any test that needs a server. Puts the selected majors that were fetched on PATH, where poolctl
 * finds them as it finds installed ones. Throws where one is neither.
 */
export default async function findMajors({provide}: TestProject): Promise<void> {
  const selected = selectedMajors();
  const fetched = await Promise.all((selected ?? []).map(fetchedFolder));
  const folders = fetched.filter(folder => folder !== null && !process.env.PATH?.includes(folder));
  process.env.PATH = [process.env.PATH, ...folders].join(path.delimiter);
  const majors = selected ?? [...knownMajors];
  const installed = await Promise.all(majors.map(isInstalled));
  const absent = majors.filter((_, index) => !installed[index]);
  if (absent.length > 0) {
    const message = `no server of PostgreSQL ${absent.join(', ')} here: npm run test:matrix fetches them`;
    if (selected !== null) throw new Error(`${majorsVariable}: ${message}`);
    console.log(`Left out: ${message}`);
  }
  provide(
    'majors',
    majors.filter((_, index) => installed[index]),
  );
}
