import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {createActing} from '../cli/execution/acting.ts';
import {beforeStatement} from '../helpers/before-statement.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';

const timeouts = {set: ['role=app', 'statement_timeout=30s'], yes: true};
const limit = {set: ['role=app', 'apply=role', 'instances=10', 'prisma_major=6'], yes: true};

describeMainMajor('a role is identified by its oid', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    await server.query('DROP ROLE IF EXISTS app, old_app, "app "');
    await server.query('DROP DATABASE IF EXISTS shop');
    await server.query('DROP DATABASE IF EXISTS old_shop');
    await server.query('CREATE ROLE app LOGIN');
    await server.query('CREATE DATABASE shop');
  });

  const replace = async () => {
    await server.query('ALTER ROLE app RENAME TO old_app');
    await server.query('CREATE ROLE app LOGIN');
  };

  const settings = () =>
    server.query(
      `SELECT r.rolname::text AS role, d.datname::text AS database, s.setconfig FROM pg_db_role_setting s
        JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
        WHERE r.rolname ~ 'app' ORDER BY 1`,
    );
  const limits = () =>
    server.query(
      'SELECT rolname::text AS role, rolconnlimit AS "limit" FROM pg_roles WHERE rolname ~ \'app\' ORDER BY 1',
    );

  it('no setting is applied to another role that took the name between guard and statement', async () => {
    const acting = await createActing(server);
    beforeStatement(acting, server, 'ALTER ROLE', replace);
    expect(await acting.run('set-timeouts', timeouts)).toBe(6);
    expect(acting.document().steps).toMatchObject([{outcome: 'skipped'}]);
    expect(await settings()).toEqual([]);
  });

  it('no connection limit is applied to another role of the same name', async () => {
    const acting = await createActing(server);
    beforeStatement(acting, server, 'ALTER ROLE', replace);
    expect(await acting.run('tune-connection-limit', limit)).toBe(6);
    expect(await limits()).toEqual([
      {role: 'app', limit: -1},
      {role: 'old_app', limit: -1},
    ]);
  });

  it('no setting is applied in another database that has taken the name', async () => {
    const acting = await createActing(server);
    beforeStatement(acting, server, 'ALTER ROLE', async () => {
      await server.query('ALTER DATABASE shop RENAME TO old_shop');
      await server.query('CREATE DATABASE shop');
    });
    expect(await acting.run('set-timeouts', {...timeouts, set: [...timeouts.set, 'database=shop']})).toBe(6);
    expect(await settings()).toEqual([]);
  });

  it('undo changes no other role of the same name', async () => {
    const acting = await createActing(server);
    expect(await acting.run('set-timeouts', timeouts)).toBe(0);
    expect(await acting.run('tune-connection-limit', limit)).toBe(0);
    await replace();
    await server.query("ALTER ROLE app SET statement_timeout = '30s'");
    const [{limit: given} = {}] = await server.query<{limit: number}>(
      'SELECT rolconnlimit AS "limit" FROM pg_roles WHERE rolname = \'old_app\'',
    );
    await server.query(`ALTER ROLE app CONNECTION LIMIT ${given}`);
    const before = [await settings(), await limits()];
    expect(await acting.undo('r1', {yes: true})).toBe(6);
    expect(await acting.undo('r2', {yes: true})).toBe(6);
    expect([await settings(), await limits()]).toEqual(before);
  });

  it('a parameter names the role exactly, including spaces', async () => {
    await server.query('CREATE ROLE "app " LOGIN');
    const acting = await createActing(server);
    const exact = {...timeouts, set: ['role=app ', 'statement_timeout=30s']};
    expect(await acting.run('set-timeouts', exact)).toBe(0);
    const quoted = {...timeouts, set: ['role="app "', 'lock_timeout=2s']};
    expect(await acting.run('set-timeouts', quoted)).toBe(0);
    expect(await settings()).toEqual([
      {role: 'app ', database: null, setconfig: ['statement_timeout=30s', 'lock_timeout=2s']},
    ]);
    await server.query('DROP ROLE "app "');
    expect(await acting.run('set-timeouts', exact)).toBe(2);
  });
});
