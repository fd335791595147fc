import {chown, readFile, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {ReplayDocument} from '../../source/core/replay.ts';
import {createCliRoles, runProgram, temporaryHome, urlOf} from '../cli/run-program.ts';
import {startTestServer, type TestServer} from '../helpers/server.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

describe('the measured pools, before a server that wants TLS', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major: 18});
    await createCliRoles(server);
    await demandTls(server);
  });
  afterAll(() => server?.stop());

  // Of a session in plain text it is a division by zero.
  const isEncrypted = 'SELECT 1 / (SELECT count(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl);';

  it.each([
    ['sslmode=require', []],
    [`sslmode=verify-ca&sslrootcert=${fixture('ca.crt')}`, []],
    [`sslmode=verify-ca&sslrootcert=${fixture('ca.crt')}`, ['--instances', '2']],
    ['sslmode=require&sslnegotiation=direct', []],
  ])('%s %j: speak it as the watching connection does', async (parameters, flags) => {
    const home = await temporaryHome();
    await writeFile(path.join(home, 'x.sql'), isEncrypted);
    const url = urlOf(server, 'app', `?${parameters}`);
    const {code, stdout} = await runProgram(['replay', 'x.sql', url, '--requests', '6', '--json', ...flags], {
      home,
    });
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as ReplayDocument).results).toMatchObject([{requests: 6, failures: []}]);
  });
});

/** Its own certificate, and no entry in pg_hba.conf for `app` in plain text. */
async function demandTls(server: TestServer): Promise<void> {
  const [row] = await server.query<{folder: string; hba: string}>(
    `SELECT current_setting('data_directory') AS folder, current_setting('hba_file') AS hba`,
  );
  const {folder = '', hba = ''} = row ?? {};
  const {uid, gid} = await stat(folder);
  for (const name of ['server.crt', 'server.key']) {
    await writeFile(path.join(folder, name), await readFile(fixture(name)), {mode: 0o600});
    await chown(path.join(folder, name), uid, gid);
  }
  await writeFile(hba, 'hostssl all app all scram-sha-256\nhost all postgres all scram-sha-256\n');
  await server.restart({ssl: 'on'});
}
