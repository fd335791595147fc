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
 * Runs once, before the tests that need a server. Adds downloaded servers of the selected major versions to PATH, where
 * poolctl finds them like installed ones. Throws if one is neither downloaded nor installed.
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
