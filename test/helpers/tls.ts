import {chown, readFile, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import type {OwnServer} from './server.ts';

/** The path of a certificate or key, signed by the tests' own authority. */
export const tlsFile = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

/** Restarts the server with its own certificate, and without an entry in pg_hba.conf for `app` in plain text. */
export async function demandTls(server: OwnServer): Promise<void> {
  const [row] = await server.query<{folder: string; hba: string}>(
    `SELECT current_setting('data_directory') AS folder, current_setting('hba_file') AS hba`,
  );
  const {folder = '', hba = ''} = row ?? {};
  const {uid, gid} = await stat(folder);
  for (const name of ['server.crt', 'server.key']) {
    await writeFile(path.join(folder, name), await readFile(tlsFile(name)), {mode: 0o600});
    await chown(path.join(folder, name), uid, gid);
  }
  await writeFile(hba, 'hostssl all app all scram-sha-256\nhost all postgres all scram-sha-256\n');
  await server.restart({ssl: 'on'});
}
