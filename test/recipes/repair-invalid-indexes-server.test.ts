import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {runRecipe} from '../../source/commands/run/command.ts';
import {undoRun} from '../../source/commands/undo/command.ts';
import {createActing, noFlags} from '../cli/execution/acting.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {rejection} from '../postgres/requests.ts';
import {buildPhase, createOrders, holdUp, indexNamed} from './indexing.ts';

describeEachMajor('repair-invalid-indexes', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
  });
  afterAll(() => server?.stop());
  beforeEach(() => createOrders(server, 2000));

  /** As left by a build that waited too long for another session's transaction. */
  async function failBuild(definition: string): Promise<void> {
    const holder = await holdUp(server);
    const builder = await server.connect();
    await builder.query("SET lock_timeout = '50ms'");
    expect(await rejection(builder.query(definition))).toMatchObject({code: '55P03'});
    await builder.end();
    await holder.query('COMMIT');
    await holder.end();
  }

  it('rebuilds an index that a failed build left invalid, and undoes it', async () => {
    await failBuild('CREATE INDEX CONCURRENTLY half ON shop.orders (status, n DESC)');
    expect(await indexNamed(server, 'half')).toMatchObject({is_valid: false});
    const acting = await createActing(server);
    const recipe = acting.ports.recipes.find(({id}) => id === 'repair-invalid-indexes');
    const facts = await acting.ports.load({catalog: true});
    expect(recipe?.diagnose(await acting.ports.read(), facts)).toMatchObject([
      {subject: 'index:shop.half', params: {index: 'shop.half'}},
    ]);

    expect(await acting.run('repair-invalid-indexes', {yes: true})).toBe(0);
    expect(acting.document().steps.map(({outcome}) => outcome)).toEqual(['verified', 'verified']);
    const repaired = await indexNamed(server, 'half');
    expect(repaired).toMatchObject({is_valid: true, definition: expect.stringContaining('(status, n DESC)')});
    expect(recipe?.diagnose(await acting.ports.read(), await acting.ports.load({catalog: true}))).toEqual([]);

    const ports = {...acting.ports, identity: {run: 'r2', actor: 'oncall@bastion'}};
    expect(await undoRun(ports, 'r1', {...noFlags, yes: true})).toBe(0);
    expect(await indexNamed(server, 'half')).toEqual(repaired);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('drops the leftover of a REINDEX CONCURRENTLY, also of a unique index', async () => {
    await server.query('CREATE UNIQUE INDEX whole ON shop.orders (n)');
    await failBuild('REINDEX INDEX CONCURRENTLY shop.whole');
    expect(await indexNamed(server, 'whole_ccnew')).toMatchObject({is_valid: false});
    const acting = await createActing(server);
    expect(await acting.run('repair-invalid-indexes', {yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([{sql: 'DROP INDEX CONCURRENTLY "shop"."whole_ccnew"'}]);
    expect(await indexNamed(server, 'whole_ccnew')).toBeUndefined();
    expect(await indexNamed(server, 'whole')).toMatchObject({is_valid: true});
  });

  it('gives advice for a unique index, with the query for duplicates', async () => {
    const builder = server.query('CREATE UNIQUE INDEX CONCURRENTLY twice ON shop.orders (user_id)');
    expect(await rejection(builder)).toMatchObject({code: '23505'});
    const acting = await createActing(server);
    expect(await acting.run('repair-invalid-indexes', {yes: true})).toBe(0);
    const {steps} = acting.document();
    expect(steps).toMatchObject([{kind: 'advice', outcome: 'skipped'}]);
    const [, duplicates = ''] = String(steps[0]?.text).split('\n');
    expect((await server.query(duplicates)).length).toBe(1000);
    expect(await indexNamed(server, 'twice')).toMatchObject({is_valid: false});
  });

  it('skips an index that is being built or became valid since the preview', async () => {
    const holder = await holdUp(server);
    const builder = await server.connect();
    const building = builder.query('CREATE INDEX CONCURRENTLY slow ON shop.orders (n)');
    await expect.poll(() => buildPhase(server)).toBe('waiting for writers before build');
    const acting = await createActing(server);
    expect(await acting.run('repair-invalid-indexes', {yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({
      steps: [],
      skipped: [{reason: expect.stringMatching(/^session \d+ is building it/)}],
    });
    // As in a snapshot taken before the build.
    const {catalog} = await acting.ports.load({catalog: true});
    if (catalog === undefined) throw new Error('it was asked for');
    const ports = {...acting.ports, load: async () => ({catalog: {...catalog, builds: []}})};
    const message = async () => {
      expect(await runRecipe(ports, 'repair-invalid-indexes', {...noFlags, yes: true})).toBe(6);
      return acting.document().steps[0]?.message;
    };
    expect(await message()).toContain('it is being built: skipped');
    await holder.query('COMMIT');
    await building;
    expect(await message()).toContain('it is valid now: skipped');
    expect(await indexNamed(server, 'slow')).toMatchObject({is_valid: true});
  });
});
