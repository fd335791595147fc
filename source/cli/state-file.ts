import {localMachine} from '../postgres/connect/machine.ts';
import type {CliContext} from './context.ts';

/** A file in the user's state directory. On the way to the first frame: it imports nothing that a start does not load. */
export function stateFile({env, cwd}: CliContext, name: string): string {
  return `${env.XDG_STATE_HOME || `${localMachine(env, cwd).home}/.local/state`}/poolctl/${name}`;
}
