import {readFile, stat} from 'node:fs/promises';

/** Larger ones are generated: no person writes a source of 1 MB; a lock file may have 20. */
const mostBytes = 20_000_000;

/** A text file; null where there is none, or none that can be read. */
export async function readText(path: string): Promise<string | null> {
  try {
    const {size} = await stat(path);
    return size > mostBytes ? null : await readFile(path, 'utf8');
  } catch {
    return null;
  }
}
