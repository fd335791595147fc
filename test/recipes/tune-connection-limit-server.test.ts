import {readFile, readlink, realpath, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {localFiles} from '../../source/cli/local-files.ts';
import {undoRun} from '../../source/commands/undo/command.ts';
import {examineSlots} from '../../source/core/assessment/harms/slots.ts';
import {samplesOf} from '../../source/core/assessment/samples.ts';
import {type Acting, createActing, exitCode, noFlags, temporaryFolder} from '../cli/execution/acting.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../helpers/server.ts';

const env = `# the shop's
SECRET='x y'
DATABASE_URL="postgresql://shop:s3cret#pw@127.0.0.1:5432/postgres?schema=public&connection_limit=50" # main
`;

describeEachMajor('tune-connection-limit', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {max_connections: 40}});
    await server.query("CREATE ROLE app LOGIN PASSWORD 'secret'");
    await server.query("CREATE ROLE shop LOGIN PASSWORD 'secret'");
    await server.query("CREATE ROLE viewer LOGIN PASSWORD 'secret' IN ROLE pg_monitor");
  });
  afterAll(() => server?.stop());
  beforeEach(() => server.query('ALTER ROLE app CONNECTION LIMIT 2'));

  const limitOf = async () => {
    const [row] = await server.query<{limit: number}>(
      "SELECT rolconnlimit AS limit FROM pg_roles WHERE rolname = 'app'",
    );
    return row?.limit;
  };
  const asApp = () => server.connect({user: 'app', password: 'secret', application_name: 'shop'});
  const leave = async (clients: Awaited<ReturnType<typeof asApp>>[]) => {
    for (const client of clients) await client.end();
    // A session is counted until its process is gone.
    await expect
      .poll(() => server.query("SELECT FROM pg_stat_activity WHERE usename = 'app'"))
      .toHaveLength(0);
  };
  const acting = async (user?: string): Promise<Acting> => {
    const made = await createActing(server, user === undefined ? {} : {user});
    return {...made, ports: {...made.ports, engine: {...made.ports.engine, files: localFiles}}};
  };
  const run = async ({ports}: Acting, set: string[], flags = {}) => {
    const {runRecipe} = await import('../../source/commands/run/command.ts');
    return exitCode(runRecipe(ports, 'tune-connection-limit', {...noFlags, set, yes: true, ...flags}));
  };
  const undo = ({ports}: Acting) =>
    exitCode(undoRun({...ports, identity: {...ports.identity, run: 'r2'}}, 'r1', {...noFlags, yes: true}));

  it('raises the limit of a role that has reached it, and undoes that', async () => {
    const held = [await asApp(), await asApp()];
    await expect(asApp()).rejects.toMatchObject({code: '53300'});
    const on = await acting();
    expect(await run(on, ['role=app', 'instances=4', 'prisma_major=6', 'apply=role'])).toBe(0);
    // 40 less 3 reserved (PostgreSQL 16+ reserves no more by itself) x 0.8
    expect(await limitOf()).toBe(29);
    expect(on.document().steps[0]).toMatchObject({kind: 'sql', outcome: 'verified', sqlstate: null});
    held.push(await asApp());

    expect(await undo(on)).toBe(0);
    expect(await limitOf()).toBe(2);
    await expect(asApp()).rejects.toMatchObject({code: '53300'});
    const events = (await on.journal.read()).map(({event}) => event);
    expect(events).toEqual(['run', 'intent', 'outcome', 'outcome', 'end', 'run', 'intent', 'outcome', 'end']);
    expect(await on.journal.verify()).toMatchObject({ok: true, unfinished: []});
    await leave(held);
  });

  it('sets the URL in .env, shows no password, and undo restores the same bytes', async () => {
    const path = join(await temporaryFolder(), '.env');
    await writeFile(path, env, {mode: 0o600});
    const on = await acting();
    const set = [`env_file=${path}`, 'instances=4', 'prisma_major=6'];
    expect(await run(on, set, {yes: false, dryRun: true})).toBe(0);
    const {plan} = on.document();
    expect(await readFile(path, 'utf8')).toBe(env);
    expect(await run(on, set, {yes: false, approve: plan})).toBe(0);
    expect(await readFile(path, 'utf8')).toBe(
      env.replace('connection_limit=50', 'connection_limit=7&pool_timeout=10&connect_timeout=5'),
    );
    expect(on.document().steps).toMatchObject([
      {kind: 'file', outcome: 'verified'},
      {kind: 'advice', outcome: 'skipped'},
    ]);
    const written = on.stdout.join() + on.stderr.join() + JSON.stringify(await on.journal.read());
    expect(written).not.toMatch(/s3cret|#pw/);

    expect(await undo(on)).toBe(0);
    expect(await readFile(path, 'utf8')).toBe(env);
  });

  it('changes only the query of the URL in a linked file of another encoding, and undo restores every byte', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, '.env');
    const bytes = Buffer.from(
      "\xef\xbb\xbfNAME='caf\xe9'\r\nDATABASE_URL=postgresql://shop:p\xe9@127.0.0.1/postgres?a=1&&connection_limit=+50 # caf\xe9\r\n",
      'latin1',
    );
    await writeFile(join(folder, 'env.shared'), bytes);
    await symlink('env.shared', path);
    const on = await acting();
    expect(await run(on, [`env_file=${path}`, 'instances=4', 'prisma_major=6'])).toBe(0);
    const changed = bytes.toString('latin1').replace('=+50', '=7&pool_timeout=10&connect_timeout=5');
    expect((await readFile(join(folder, 'env.shared'))).toString('latin1')).toBe(changed);
    expect(on.stdout.join() + JSON.stringify(await on.journal.read())).not.toMatch(/p\\udce9|p\udce9/);
    expect(await undo(on)).toBe(0);
    expect(await readFile(join(folder, 'env.shared'))).toEqual(bytes);
    expect(await readlink(path)).toBe('env.shared');
    // The preview names the file that is changed.
    const [intent] = (await on.journal.read()).filter(({event}) => event === 'intent');
    expect(intent).toMatchObject({content: {path: await realpath(path)}});
  });

  it('changes adapter and PgBouncer in one run', async () => {
    const folder = await temporaryFolder();
    const source =
      'export const adapter = new PrismaPg({\n  connectionString: process.env.DATABASE_URL,\n  max: 20,\n});\n';
    const ini =
      '[databases]\n* = host=127.0.0.1\n\n[pgbouncer]\npool_mode = session\ndefault_pool_size = 20\n';
    await writeFile(join(folder, 'package.json'), '{"dependencies": {"@prisma/client": "7.1.0"}}');
    await writeFile(join(folder, 'db.ts'), source);
    await writeFile(join(folder, 'pgbouncer.ini'), ini);
    const on = await acting();
    const set = [
      `app=${folder}`,
      `pgbouncer_ini=${join(folder, 'pgbouncer.ini')}`,
      'instances=3',
      'role=app',
      'apply=role,adapter,pgbouncer',
    ];
    expect(await run(on, set)).toBe(0);
    expect(await readFile(join(folder, 'db.ts'), 'utf8')).toContain(
      '  max: 9,\n  connectionTimeoutMillis: 10000,\n  idleTimeoutMillis: 30000,\n',
    );
    expect(await readFile(join(folder, 'pgbouncer.ini'), 'utf8')).toBe(
      '[databases]\n* = host=127.0.0.1\n\n[pgbouncer]\npool_mode = transaction\ndefault_pool_size = 29\nmax_client_conn = 100\nmax_db_connections = 29\n',
    );
    expect(await undo(on)).toBe(0);
    expect(await readFile(join(folder, 'db.ts'), 'utf8')).toBe(source);
    expect(await readFile(join(folder, 'pgbouncer.ini'), 'utf8')).toBe(ini);
    expect(await limitOf()).toBe(2);
  });

  it.each(['role', 'env'])('does nothing if the %s changed between preview and execution', async what => {
    const path = join(await temporaryFolder(), '.env');
    await writeFile(path, env);
    const moved = env.replace('connection_limit=50', 'connection_limit=6');
    const on = await acting();
    let gathered = 0;
    const gather: typeof on.ports.load = async needs => {
      const facts = await on.ports.load(needs);
      if (++gathered === 1) {
        if (what === 'role') await server.query('ALTER ROLE app CONNECTION LIMIT 3');
        else await writeFile(path, moved);
      }
      return facts;
    };
    const set = what === 'role' ? ['role=app', 'apply=role'] : [`env_file=${path}`, 'prisma_major=6'];
    expect(await run({...on, ports: {...on.ports, load: gather}}, set)).toBe(6);
    expect(await limitOf()).toBe(what === 'role' ? 3 : 2);
    expect(await readFile(path, 'utf8')).toBe(what === 'env' ? moved : env);
    expect((await on.journal.read()).map(({event}) => event)).toEqual(['run', 'end']);
  });

  it.each(['env_file=/nope/.env', 'pgbouncer_ini=/nope/p.ini', 'app=/nope'])('exits 2 on %s', async set => {
    expect(await run(await acting(), [set])).toBe(2);
  });

  it('exits 2 if the folder does not have the variable', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, '.env'), env);
    expect(await run(await acting(), [`app=${folder}`, 'variable=NOPE', 'prisma_major=6'])).toBe(2);
    expect(await readFile(join(folder, '.env'), 'utf8')).toBe(env);
  });

  it('skips a role that changed immediately before its statement', async () => {
    const on = await acting();
    const append: typeof on.journal.append = async draft => {
      if (draft.event === 'intent') await server.query('ALTER ROLE app CONNECTION LIMIT 4');
      return on.journal.append(draft);
    };
    const engine = {...on.ports.engine, journal: {...on.journal, append}};
    expect(await run({...on, ports: {...on.ports, engine}}, ['role=app', 'apply=role'])).toBe(6);
    expect(await limitOf()).toBe(4);
  });

  it('exits 5 and changes no file if the server refuses', async () => {
    const path = join(await temporaryFolder(), '.env');
    await writeFile(path, env);
    const on = await acting('viewer');
    expect(await run(on, [`env_file=${path}`, 'prisma_major=6', 'role=app', 'apply=role,env'])).toBe(5);
    expect(await readFile(path, 'utf8')).toBe(env);
    expect(await limitOf()).toBe(2);
  });

  it('reports a role that has reached its limit, with parameters that raise it', async () => {
    const held = [await asApp(), await asApp()];
    const on = await acting();
    const snapshot = await on.ports.read();
    const recipe = on.ports.recipes.find(({id}) => id === 'tune-connection-limit');
    const [finding] = examineSlots({snapshot, samples: samplesOf([snapshot]), facts: {}});
    expect(finding).toMatchObject({subject: 'role:app', severity: 'critical'});
    const facts = await on.ports.load(recipe?.planRequires?.(finding?.params ?? {}) ?? {});
    expect(recipe?.plan?.(snapshot, finding?.params ?? {}, facts).steps[0]).toMatchObject({
      apply: {text: 'ALTER ROLE "app" CONNECTION LIMIT 29'},
    });
    await leave(held);
  });
});
