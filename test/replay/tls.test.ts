import {writeFile} from 'node:fs/promises';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {ReplayDocument} from '../../source/model/replay-report.ts';
import {createCliRoles, runProgram, temporaryHome, urlOf} from '../cli/run-program.ts';
import {type OwnServer, startTestServer} from '../helpers/server.ts';
import {demandTls, tlsFile} from '../helpers/tls.ts';

describe('the measured pools on a server that requires TLS', () => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startTestServer({major: 18});
    await createCliRoles(server);
    await demandTls(server);
  });
  afterAll(() => server?.stop());

  // Divides by zero if the session is in plain text.
  const isEncrypted = 'SELECT 1 / (SELECT count(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl);';

  it.each([
    ['sslmode=require', []],
    [`sslmode=verify-ca&sslrootcert=${tlsFile('ca.crt')}`, []],
    [`sslmode=verify-ca&sslrootcert=${tlsFile('ca.crt')}`, ['--instances', '2']],
    ['sslmode=require&sslnegotiation=direct', []],
  ])('%s %j: use TLS as the read-only connection does', async (parameters, flags) => {
    const home = await temporaryHome();
    await writeFile(path.join(home, 'x.sql'), isEncrypted);
    const url = urlOf(server, 'app', `?${parameters}`);
    const {code, stdout} = await runProgram(['replay', 'x.sql', url, '--requests', '6', '--json', ...flags], {
      home,
    });
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as ReplayDocument).results).toMatchObject([{requests: 6, failures: []}]);
  });

  it.each(['channel_binding=require', 'require_auth=scram-sha-256'])(
    'are refused with %s, which they do not support',
    async setting => {
      const home = await temporaryHome();
      await writeFile(path.join(home, 'x.sql'), 'SELECT 1;');
      const url = urlOf(server, 'app', `?sslmode=require&${setting}`);
      const {code, stderr} = await runProgram(['replay', 'x.sql', url], {home});
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/replay's pools do not support (channel|require)/),
      ]);
    },
  );
});
