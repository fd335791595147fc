import {setTimeout as delay} from 'node:timers/promises';
import {type Connection, connect} from '../../source/postgres/connect/connect.ts';
import {
  createReader,
  emptyRequest,
  type Reader,
  type ReadRequest,
} from '../../source/postgres/sampler/reader.ts';
import {requestTo} from './requests.ts';

/** A watching connection, as the console opens it. */
export function watch(url: string): Promise<Connection> {
  return connect(requestTo(url), {purpose: 'watch'});
}

export const everything: ReadRequest = {
  catalogs: true,
  server: true,
  activity: true,
  databases: true,
  lock_waits: true,
  index_hits: true,
  index_builds: true,
  statements: {numbers: true, texts: null},
  server_state: 'all',
};

/** A reader that knows its target, so that everything can be read from here on. */
export async function openReader(connection: Connection): Promise<Reader> {
  const reader = createReader(connection, () => performance.now());
  await reader.read({...emptyRequest, catalogs: true, activity: true});
  return reader;
}

const longestWait_ms = 60_000;

/** Between two looks: the server, which shall get there, needs the processor too. */
const pause_ms = 20;

/** Repeats `look` until it finds something. The error, after a minute, has what `explain` returns. */
export async function until<T>(
  look: () => Promise<T | undefined | false>,
  explain: () => Promise<unknown> = async () => look.toString(),
): Promise<T> {
  const end_ms = performance.now() + longestWait_ms;
  while (performance.now() < end_ms) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await delay(pause_ms);
  }
  throw new Error(`not within ${longestWait_ms / 1000} s: ${JSON.stringify(await explain())}`);
}
