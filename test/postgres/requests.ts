import {locate} from '../../source/postgres/connect/locate.ts';
import type {ConnectionRequest} from '../../source/postgres/connect/request.ts';

/** A request for a URL, on a machine without files and settings. */
export function requestTo(url: string, env: Record<string, string> = {}): ConnectionRequest {
  const machine = {
    env,
    cwd: '/nowhere',
    home: '/nowhere',
    os_user: 'nobody',
    platform: 'linux',
    readFile: () => null,
    fileMode: () => null,
  };
  return locate({url, flags: {}, machine});
}

/** The rejection of a promise that must reject. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    value => ({value}),
    (error: unknown) => ({error}),
  );
  if ('error' in outcome) return outcome.error;
  throw new Error(`it did not fail but gave ${String(outcome.value)}`);
}
