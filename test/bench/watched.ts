import {readFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';

/** What watched.mjs writes. */
export type Watched = NodeJS.MemoryUsage & {
  loop_blocked_ms: {p99: number; max: number};
  wire_bytes: number;
};

export async function readWhenWritten(file: string): Promise<Watched> {
  for (let attempt = 0; attempt < 100; attempt++) {
    await sleep(100);
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text !== null) return JSON.parse(text);
  }
  throw new Error('the program did not report');
}
