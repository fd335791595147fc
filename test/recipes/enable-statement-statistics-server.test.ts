import {afterAll, afterEach, beforeAll, expect, it} from 'vitest';
import {runRecipe} from '../../source/commands/run/command.ts';
import {createActing, createRoles, noFlags} from '../cli/execution/acting.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../helpers/server.ts';

const id = 'enable-statement-statistics';

describeEachMajor(id, major => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startTestServer({major});
    await createRoles(server);
  });
  afterEach(() => server.query('DROP EXTENSION IF EXISTS pg_stat_statements CASCADE'));
  afterAll(() => server?.stop());

  const installed = () =>
    server.query(
      "SELECT extversion AS version, extnamespace::regnamespace::text AS schema FROM pg_extension WHERE extname = 'pg_stat_statements'",
    );

  it('creates the extension if the library is loaded, and drops it when undone', async () => {
    const acting = await createActing(server);
    expect(await acting.run(id, {yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({status: 'done', steps: [{outcome: 'verified'}]});
    expect(await installed()).toMatchObject([{schema: 'public'}]);
    expect((await server.query('SELECT count(*)::int FROM pg_stat_statements'))[0]).toBeDefined();

    expect(await acting.run(id, {yes: true})).toBe(0);
    expect(acting.document().steps).toEqual([]);
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await installed()).toEqual([]);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('does not drop the extension if another object depends on it', async () => {
    await server.query('CREATE SCHEMA IF NOT EXISTS "sta""ts"');
    const acting = await createActing(server);
    expect(await acting.run(id, {set: ['schema=sta"ts'], yes: true})).toBe(0);
    await server.query('CREATE VIEW slow AS SELECT * FROM "sta""ts".pg_stat_statements');
    expect(await acting.undo('r1', {yes: true})).toBe(7);
    expect(acting.document().steps).toMatchObject([{outcome: 'failed', sqlstate: '2BP01'}]);
    expect(await installed()).toHaveLength(1);
    await server.query('DROP VIEW slow');
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await installed()).toEqual([]);
  });

  it('does nothing if another session created the extension since the preview, and undo does not drop it', async () => {
    const acting = await createActing(server);
    const ask = async () => {
      await server.query('CREATE EXTENSION pg_stat_statements');
      return 'yes';
    };
    expect(await runRecipe({...acting.ports, ask}, id, {...noFlags, json: false})).toBe(6);
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await installed()).toHaveLength(1);
  });

  it('updates an extension that pg_upgrade left old', async () => {
    await server.query("CREATE EXTENSION pg_stat_statements VERSION '1.7'");
    const acting = await createActing(server);
    expect(await acting.run(id, {yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([{undo: 'irreversible', outcome: 'verified'}]);
    expect(await installed()).not.toMatchObject([{version: '1.7'}]);
  });

  it('exits 5 if the role may not create the extension', async () => {
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run(id, {yes: true})).toBe(5);
    expect(acting.document().steps).toMatchObject([{outcome: 'failed', sqlstate: '42501'}]);
    expect(await installed()).toEqual([]);
  });
});

describeEachMajor(`${id}, if a restart is needed`, major => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startTestServer({
      major,
      settings: {shared_preload_libraries: 'auto_explain', 'pg_stat_statements.max': 1000},
    });
    await createRoles(server);
  });
  afterAll(() => server?.stop());

  it('advises the setting, then the restart, then creates the extension', async () => {
    const acting = await createActing(server, {user: 'oncall'});
    const advice = async () => {
      expect(await acting.run(id, {dryRun: true})).toBe(0);
      return acting.document().steps;
    };
    const [first] = await advice();
    expect(first).toMatchObject({kind: 'advice', text: expect.stringContaining('then restart the server')});
    const statement = /ALTER SYSTEM .*?;/.exec(String(first?.text))?.[0] ?? '';
    await server.query(statement);
    await server.query('SELECT pg_reload_conf()');
    await expect.poll(advice).toMatchObject([{title: 'restart the server'}]);

    await server.restart();
    const after = await createActing(server);
    expect(await after.run(id, {yes: true})).toBe(0);
    expect(after.document().steps).toMatchObject([{outcome: 'verified'}]);
    expect(await server.query('SHOW shared_preload_libraries')).toEqual([
      {shared_preload_libraries: 'auto_explain, pg_stat_statements'},
    ]);
  });

  it('reports that the loaded libraries are hidden', async () => {
    const acting = await createActing(server, {user: 'blind'});
    const {statement_statistics} = await acting.ports.load({statement_statistics: true});
    expect(statement_statistics).toMatchObject({
      is_restart_pending: null,
      preload_remedy: expect.stringContaining('which this role cannot see'),
    });
  });
});
