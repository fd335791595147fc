import {constants} from 'node:fs';
import {open} from 'node:fs/promises';
import {dirname} from 'node:path';
import type {CliContext} from '../../cli/context.ts';
import {stateFile} from '../../cli/state-file.ts';
import type {ConsolePorts} from '../../console/ports.ts';
import {longestRemembered, type Remembered} from '../../console/state/browsing.ts';
import {usageError} from '../../core/errors.ts';

/** A file of this program is a few hundred bytes. */
const mostBytes = 65_536;

type Json = Readonly<Record<string, unknown>>;

/**
 * Keeps sort and filter of the views in `console.json` of the state folder, readable for its owner alone. `read` rejects
 * with a usage error if the file is broken; that it cannot be written is no error, as nothing depends on it.
 */
export function createRemembered(context: CliContext): NonNullable<ConsolePorts['remembered']> {
  const file = stateFile(context, 'console.json');
  let known = '{}';
  return {
    async read() {
      const text = await readSmallFile(file).catch(() => null);
      if (text === null) return {};
      const views = parse(text);
      if (views === null) {
        known = '';
        throw usageError(
          `${file} cannot be read, so views are sorted as at first`,
          'It is replaced when you leave.',
        );
      }
      known = JSON.stringify(views);
      return views;
    },
    async write(remembered) {
      if (JSON.stringify(remembered) === known) return;
      // Loaded late: most consoles are left as they were found.
      const [{writePrivateFile}, {makeFolder}] = await Promise.all([
        import('../../cli/local-files.ts'),
        import('../../journal/private-file.ts'),
      ]);
      const text = JSON.stringify({schema_version: 1, views: remembered});
      await makeFolder(dirname(file))
        .then(() => writePrivateFile(file, `${text}\n`))
        .catch(() => {});
    },
  };
}

async function readSmallFile(file: string): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const {buffer, bytesRead} = await handle.read(Buffer.alloc(mostBytes), 0, mostBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** null for what this program did not write. Which views and columns there are is checked where they are restored. */
function parse(text: string): Remembered | null {
  const document = parseJson(text);
  if (!isRecord(document) || document.schema_version !== 1 || !isRecord(document.views)) return null;
  const views = Object.entries(document.views);
  return views.every(([, view]) => isView(view)) ? (document.views as Remembered) : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isView(view: unknown): boolean {
  if (!isRecord(view)) return false;
  const {sort, filter = ''} = view;
  const isSort =
    sort === undefined ||
    (isRecord(sort) && typeof sort.column === 'string' && typeof sort.isDescending === 'boolean');
  return isSort && typeof filter === 'string' && filter.length <= longestRemembered;
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
