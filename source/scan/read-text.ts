import {readFile, realpath, stat} from 'node:fs/promises';
import {decodeBytes} from '../core/text/bytes.ts';

/** Larger ones are generated: no person writes a source of 1 MB; a lock file may have 20. */
const maxBytes = 20_000_000;

/** A text file with each of its bytes (`decodeBytes`); null where there is none, or none that can be read. */
export async function readText(path: string): Promise<string | null> {
  try {
    const found = await stat(path);
    // A pipe would be waited for.
    if (!found.isFile() || found.size > maxBytes) return null;
    return decodeBytes(await readFile(path));
  } catch {
    return null;
  }
}

/** Where its symbolic links lead: what a step changes is named as it is. */
export async function realPathOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}
