import {afterAll, beforeAll, expect, it} from 'vitest';
import {runRecipe} from '../../source/commands/run/command.ts';
import {createActing, createRoles, noFlags} from '../cli/execution/acting.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';

describeEachMajor('set-timeouts', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createRoles(server);
    await server.query('CREATE DATABASE "Sh\'op"');
    // PostgreSQL 16 requires ADMIN OPTION on that role.
    await server.query("CREATE ROLE admin LOGIN PASSWORD 'secret' CREATEROLE IN ROLE pg_monitor");
    if (major >= 16) await server.query('GRANT app TO admin WITH ADMIN OPTION');
  });
  afterAll(() => server?.stop());

  const stored = () =>
    server.query<{setconfig: string[]; datname: string | null}>(
      `SELECT d.datname, s.setconfig FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase
       WHERE s.setrole = 'app'::regrole ORDER BY d.datname NULLS FIRST`,
    );
  const shown = async (name: string, database?: string) => {
    const client = await server.connect({user: 'app', password: 'secret', ...(database && {database})});
    const {rows} = await client.query(`SHOW ${name}`);
    await client.end();
    return rows[0]?.[name];
  };

  it('sets the timeouts of new sessions, and undoes exactly that', async () => {
    await server.query("ALTER ROLE app SET lock_timeout = '1500'");
    await server.query("ALTER ROLE app SET work_mem = '5MB'");
    const before = await stored();
    const acting = await createActing(server, {user: 'admin'});
    // idle_session_timeout came with 14.
    const idle = major >= 14 ? 'idle_session_timeout' : 'idle_in_transaction_session_timeout';
    const set = ['role=app', 'statement_timeout=30s', 'lock_timeout=2s', `${idle}=10min`];
    expect(await acting.run('set-timeouts', {set, yes: true})).toBe(0);
    expect(acting.document().steps.map(({outcome}) => outcome)).toEqual(['verified', 'verified', 'verified']);
    expect(await shown('statement_timeout')).toBe('30s');
    expect(await shown('lock_timeout')).toBe('2s');
    expect(await shown('work_mem')).toBe('5MB');

    // A value that is set already is not set again.
    expect(await acting.run('set-timeouts', {set, yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({steps: [], skipped: [{reason: 'it is already 30s'}, {}, {}]});

    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await stored()).toEqual(before);
    expect(await shown('statement_timeout')).toBe('0');
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
    await server.query('ALTER ROLE app RESET ALL');
  });

  it('sets a timeout in one database only, whatever its name, and undo leaves nothing behind', async () => {
    const acting = await createActing(server, {user: 'admin'});
    const name = major >= 17 ? 'transaction_timeout' : 'idle_in_transaction_session_timeout';
    const set = ['role=app', "database=Sh'op", `${name}=1min`];
    expect(await acting.run('set-timeouts', {set, yes: true})).toBe(0);
    expect(await shown(name, "Sh'op")).toBe('1min');
    expect(await shown(name)).toBe('0');
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await stored()).toEqual([]);
  });

  it('does nothing if another session set the timeout between preview and execution', async () => {
    const acting = await createActing(server, {user: 'admin'});
    const ask = async () => {
      await server.query("ALTER ROLE app SET statement_timeout = '7s'");
      return 'yes';
    };
    const flags = {...noFlags, set: ['role=app', 'statement_timeout=30s'], json: false};
    expect(await runRecipe({...acting.ports, ask}, 'set-timeouts', flags)).toBe(6);
    expect(await shown('statement_timeout')).toBe('7s');
    await server.query('ALTER ROLE app RESET ALL');
  });

  it('does not undo a setting that was changed since', async () => {
    const acting = await createActing(server, {user: 'admin'});
    expect(await acting.run('set-timeouts', {set: ['role=app', 'statement_timeout=30s'], yes: true})).toBe(0);
    await server.query("ALTER ROLE app SET statement_timeout = '45s'");
    expect(await acting.undo('r1', {yes: true})).toBe(6);
    expect(acting.document().steps).toMatchObject([
      {outcome: 'skipped', message: 'changed since the preview: skipped'},
    ]);
    expect(await shown('statement_timeout')).toBe('45s');
    await server.query('ALTER ROLE app RESET ALL');
  });

  it('exits 5 if the role lacks the privilege', async () => {
    const acting = await createActing(server, {user: 'viewer'});
    expect(await acting.run('set-timeouts', {set: ['role=app', 'statement_timeout=30s'], yes: true})).toBe(5);
    const hint = expect.stringMatching(/^To allow it: .*"viewer"/);
    expect(acting.document().steps).toMatchObject([{sqlstate: '42501', hint}]);
    const [outcome] = (await acting.journal.read()).filter(({event}) => event === 'outcome');
    expect(outcome).toMatchObject({hint});
    expect(JSON.stringify(acting.document())).not.toContain('pg_signal_backend');
    expect(
      await acting.run('set-timeouts', {set: ['role=postgres', 'statement_timeout=30s'], yes: true}),
    ).toBe(5);
    expect(await stored()).toEqual([]);
  });

  it('reports a role whose idle transactions no timeout ends, from the settings it reads', async () => {
    const {default: recipe} = await import('../../recipes/set-timeouts.ts');
    const acting = await createActing(server, {user: 'oncall'});
    const facts = await acting.ports.load(recipe.diagnoseRequires ?? {});
    const names = facts.role_settings?.roles.map(({name}) => name) ?? [];
    expect(names).toEqual(expect.arrayContaining(['admin', 'app', 'blind', 'oncall', 'viewer']));
    expect(names.filter(name => name.startsWith('pg_'))).toEqual([]);
    expect(facts.role_settings?.databases.map(({name}) => name)).toContain("Sh'op");
  });
});
