import {describe} from 'vitest';
import {extensionMajor, findExtension, skipWithout} from './debian-extension.ts';
import {startTestServer, type TestServer} from './server.ts';

const found = await findExtension('hypopg');

/** A server on which the test can run `CREATE EXTENSION hypopg`. */
export async function startHypopgServer(): Promise<TestServer> {
  if ('missing' in found) throw new Error(`no HypoPG: ${found.missing}`);
  return startTestServer({major: extensionMajor, binaries: found.binaries});
}

/** A describe block with HypoPG; without it, a skipped test says why. */
export function describeHypopg(name: string, body: () => void): void {
  if ('missing' in found) skipWithout(name, `no HypoPG: ${found.missing}`);
  else describe(name, body);
}
