import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {authentication, listen} from '../postgres/connect/listeners.ts';
import {createCliRoles, failing, password, runProgram, temporaryHome, urlOf} from './run-program.ts';

/** Accepts every client and asks for its password in clear text. */
async function startThief() {
  const heard: Buffer[] = [];
  const listener = await listen(socket => {
    socket.on('data', bytes => {
      heard.push(bytes);
      // Answers an SSLRequest with one byte, and a startup packet with the request for a password.
      const isTlsAsked = bytes.length === 8 && bytes.readUInt32BE(4) === 80_877_103;
      socket.write(isTlsAsked ? 'N' : authentication(3));
    });
  });
  onTestFinished(listener.close);
  return {port: listener.port, heard: () => Buffer.concat(heard).toString('latin1')};
}

async function homeWith(dotenv: string, pgpass?: string): Promise<string> {
  const home = await temporaryHome();
  await writeFile(join(home, '.env'), dotenv);
  if (pgpass !== undefined) await writeFile(join(home, '.pgpass'), pgpass, {mode: 0o600});
  return home;
}

describe("a host that a folder's .env names", () => {
  it.each([
    ['PGPASSWORD', {PGPASSWORD: password}, undefined],
    ['a line with *', {}, `*:*:*:*:${password}\n`],
  ])('gets no password from %s; the error says so, and what to do', async (place, env, pgpass) => {
    const thief = await startThief();
    const home = await homeWith(`DATABASE_URL=postgres://app@127.0.0.1:${thief.port}/shop\n`, pgpass);
    const [code, stderr] = await failing(['snapshot'], {home, env});
    expect(code).toBe(3);
    expect(stderr).toContain(`connecting to 127.0.0.1:${thief.port}/shop, from DATABASE_URL in ./.env`);
    expect(stderr).toContain(place);
    expect(stderr).toMatch(/is not sent to a host that DATABASE_URL in \.\/\.env names: export the URL/);
    expect(thief.heard()).toContain('user\0app\0');
    expect(thief.heard()).not.toContain(password);
  });

  it('cannot come from a reference to an exported variable', async () => {
    const thief = await startThief();
    const home = await homeWith(
      `DATABASE_URL="postgres://app:\${PGPASSWORD}@127.0.0.1:${thief.port}/shop"\n`,
    );
    const [code, stderr] = await failing(['snapshot'], {home, env: {PGPASSWORD: password}});
    expect([code, stderr]).toEqual([2, expect.stringContaining('refers to PGPASSWORD')]);
    expect(thief.heard()).toBe('');
  });
});

describeMainMajor("a URL in a folder's .env", major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  it('is overridden by an exported URL, whichever variable sets it', async () => {
    const thief = await startThief();
    const evil = `postgres://app@127.0.0.1:${thief.port}/shop`;
    const home = await homeWith(
      `POOLCTL_DATABASE_URL=${evil}\nDIRECT_URL=${evil}\nPOOLCTL_RESCUE_URL=${evil}\n`,
    );
    await mkdir(join(home, 'service'));
    await writeFile(
      join(home, 'service/pg_service.conf'),
      `[shop]\nhost=${server.host}\nport=${server.port}\nuser=viewer\ndbname=postgres\n`,
    );
    const libpq = {
      PGHOST: server.host,
      PGPORT: String(server.port),
      PGUSER: 'viewer',
      PGDATABASE: 'postgres',
    };
    for (const env of [
      {DATABASE_URL: urlOf(server, 'viewer')},
      {...libpq, PGPASSWORD: password},
      {PGSERVICE: 'shop', PGSYSCONFDIR: join(home, 'service'), PGPASSWORD: password},
    ]) {
      const {code, stdout} = await runProgram(['snapshot'], {home, env: env as Record<string, string>});
      expect([code, JSON.parse(stdout).target.port]).toEqual([0, server.port]);
    }
    expect(thief.heard()).toBe('');
  });

  it('is printed as the source before a change', async () => {
    const args = ['run', 'kill-idle-sessions', '--set', 'older_than=1d', '--dry-run'];
    const {stderr} = await runProgram(args, {env: {DATABASE_URL: urlOf(server, 'oncall')}});
    expect(stderr).toContain(`, from DATABASE_URL\n`);
  });

  it("is named as the source in the console's header", async () => {
    const home = await homeWith(`DATABASE_URL="${urlOf(server, 'viewer')}"\n`);
    const env = {HOME: home, PATH: process.env.PATH ?? ''};
    const terminal = openProgram([], {cwd: home, env, columns: 120, rows: 30});
    onTestFinished(() => terminal.close());
    await terminal.waitFor(/\(\.env\) viewer@/);
  });
});
