import {PassThrough} from 'node:stream';
import type {CliContext} from '../../source/cli/context.ts';
import {output} from '../cli/execution/acting.ts';

/** A CLI context without environment, files or terminal. */
export function createCliContext(): CliContext {
  const stream = new PassThrough();
  return {
    ...{env: {}, cwd: '/', output: output([], [])},
    ...{stdin: stream, stdout: stream, stderr: stream},
  } as unknown as CliContext;
}
