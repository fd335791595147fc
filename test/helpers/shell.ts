import {PassThrough} from 'node:stream';
import type {Shell} from '../../source/cli/context.ts';
import {output} from '../cli/execution/acting.ts';

/** A shell without environment, files or terminal. */
export function createShell(): Shell {
  const stream = new PassThrough();
  return {
    ...{env: {}, cwd: '/', output: output([], [])},
    ...{stdin: stream, stdout: stream, stderr: stream},
  } as unknown as Shell;
}
