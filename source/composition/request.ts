import type {Flags} from '../commands/parse-call.ts';
import type {ConnectionRequest} from '../postgres/connection-request.ts';
import {localMachine} from '../postgres/local-machine.ts';
import {locate} from '../postgres/locate.ts';
import type {Shell} from './shell.ts';

/** Where the server is, by the call's words and flags first. Throws AbortError (exit 2) where they are off. */
export function requestOf(
  {env, cwd}: Shell,
  {url, flags}: {url: string | undefined; flags: Flags},
): ConnectionRequest {
  const {host, port, username, dbname, target, production} = flags;
  return locate({
    url,
    flags: {host, port, user: username, database: dbname, target, production},
    machine: localMachine(env, cwd),
  });
}
