import type pg from 'pg';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {runRecipe} from '../../source/commands/run/command.ts';
import {createAssessor} from '../../source/core/assessment/assess.ts';
import {noDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import {createActing, createRoles, noFlags, pidsOf} from '../cli/execution/acting.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../helpers/server.ts';

describeEachMajor('release-blockers', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {max_prepared_transactions: 2}});
    await createRoles(server);
    await server.query('CREATE TABLE orders (id int PRIMARY KEY, note text)');
    await server.query('INSERT INTO orders SELECT generate_series(1, 9)');
    await server.query('GRANT ALL ON orders TO app');
  });
  afterAll(() => server?.stop());

  const now = 'waited_for=0s';

  async function open(application_name: string): Promise<pg.Client> {
    const client = await server.connect({application_name, user: 'app', password: 'secret'});
    onTestFinished(() => client.end().catch(() => {}));
    return client;
  }

  /** A session that has changed a row and not committed. */
  async function hold(application_name: string, id: number): Promise<pg.Client> {
    const client = await open(application_name);
    await client.query('BEGIN');
    await client.query('UPDATE orders SET note = $1 WHERE id = $2', [application_name, id]);
    return client;
  }

  /** Another one that wants the same row; resolves when it waits for it. */
  async function waitFor(id: number): Promise<{client: pg.Client; done: Promise<unknown>}> {
    const client = await open('waiter');
    const done = client.query('UPDATE orders SET note = NULL WHERE id = $1', [id]).catch(error => error);
    await untilWaiting(client);
    return {client, done};
  }

  const untilWaiting = (client: pg.Client) =>
    expect
      .poll(() =>
        server.query("SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'", [
          (client as pg.Client & {processID: number}).processID,
        ]),
      )
      .toHaveLength(1);

  const untilAsleep = (application_name: string) =>
    expect
      .poll(() =>
        server.query("SELECT FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'", [
          application_name,
        ]),
      )
      .toHaveLength(1);

  it('ends a blocker that is idle in transaction, and its waiters continue', async () => {
    await hold('forgotten', 1);
    const {done} = await waitFor(1);
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('release-blockers', {set: [now], yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({status: 'done', steps: [{outcome: 'verified'}]});
    expect(await done).toMatchObject({rowCount: 1});
    expect(await pidsOf(server, 'forgotten')).toEqual([]);
    const events = (await acting.journal.read()).map(({event}) => event);
    expect(events).toEqual(['run', 'intent', 'outcome', 'end']);

    // An ended session cannot be restored; undo says so.
    expect(await acting.undo('r1', {yes: true})).toBe(7);
    expect(acting.document()).toMatchObject({steps: [], skipped: [{reason: 'cannot be undone'}]});
  });

  it('cancels a running statement and keeps the session if that is enough', async () => {
    const blocker = await hold('runs', 2);
    const failure = blocker.query('SELECT pg_sleep(600)').catch((error: {code: string}) => error.code);
    await untilAsleep('runs');
    const {done} = await waitFor(2);
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('release-blockers', {set: [now], yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([
      {outcome: 'verified'},
      {outcome: 'skipped', message: 'it no longer blocks a session: skipped'},
    ]);
    expect(await failure).toBe('57014');
    expect(await done).toMatchObject({rowCount: 1});
    expect(await pidsOf(server, 'runs')).toHaveLength(1);
  });

  it('ends the session if a cancel releases no lock, because a savepoint keeps earlier locks', async () => {
    const blocker = await hold('savepoint', 3);
    await blocker.query('SAVEPOINT s');
    const failure = blocker.query('SELECT pg_sleep(600)').catch((error: {code: string}) => error.code);
    await untilAsleep('savepoint');
    const {done} = await waitFor(3);
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('release-blockers', {set: [now], yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([{outcome: 'verified'}, {outcome: 'verified'}]);
    expect(await failure).toBe('57014');
    expect(await done).toMatchObject({rowCount: 1});
    expect(await pidsOf(server, 'savepoint')).toEqual([]);
  });

  it('skips a session that has begun another transaction since the preview', async () => {
    const blocker = await hold('moves-on', 4);
    const sleeping = blocker.query('SELECT pg_sleep(600)').catch((error: {code: string}) => error.code);
    await untilAsleep('moves-on');
    const {done} = await waitFor(4);
    const acting = await createActing(server, {user: 'oncall'});
    // In the pause after the cancel its application tries again, and another session waits for it.
    let again: Promise<unknown> = Promise.resolve();
    const sleep = async () => {
      await sleeping;
      await blocker.query('ROLLBACK');
      await done;
      await blocker.query('BEGIN');
      await blocker.query('UPDATE orders SET note = NULL WHERE id = 4');
      again = (await waitFor(4)).done;
    };
    const engine = {...acting.ports.engine, clock: {...acting.ports.engine.clock, sleep}};
    const flags = {...noFlags, set: [now], yes: true};
    expect(await runRecipe({...acting.ports, engine}, 'release-blockers', flags)).toBe(0);
    expect(acting.document().steps).toMatchObject([
      {outcome: 'verified'},
      {outcome: 'skipped', message: 'it is in another transaction now: skipped'},
    ]);
    await blocker.query('COMMIT');
    expect(await again).toMatchObject({rowCount: 1});
  });

  it('cancels the head of a queue that waits itself: those behind it continue, and the journal says how many waited', async () => {
    // A dump, which is not ended unless it is named.
    const reader = await open('pg_dump');
    const dump = reader
      .query('SELECT pg_sleep(600) FROM orders')
      .catch((error: {code: string}) => error.code);
    await untilAsleep('pg_dump');
    const owner = await server.connect({application_name: 'migration'});
    onTestFinished(() => owner.end().catch(() => {}));
    const migration = owner
      .query('ALTER TABLE orders ADD gift text')
      .catch((error: {code: string}) => error.code);
    await untilWaiting(owner);
    const done: Promise<pg.QueryResult>[] = [];
    for (let index = 0; index < 5; index++) {
      const behind = await open('behind');
      done.push(behind.query('SELECT count(*) FROM orders'));
      await untilWaiting(behind);
    }
    const {processID} = owner as pg.Client & {processID: number};
    const acting = await createActing(server);
    expect(await acting.run('release-blockers', {set: [now], dryRun: true})).toBe(0);
    const offered = acting.document();
    expect(offered).toMatchObject({steps: [], skipped: [{reason: 'dump or backup (pg_dump)'}]});
    expect(JSON.stringify(offered)).toContain(
      `${processID} (migration/postgres active) waits itself and holds up the rest: to cancel its statement, which frees 5 sessions, set pid=${processID}.`,
    );
    expect(await acting.run('release-blockers', {set: [`pid=${processID}`], yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([
      {outcome: 'verified'},
      {outcome: 'skipped', message: 'it no longer blocks a session: skipped'},
    ]);
    expect(await migration).toBe('57014');
    for (const each of done) expect(await each).toMatchObject({rowCount: 1});
    const outcomes = (await acting.journal.read()).filter(({event}) => event === 'outcome');
    expect(outcomes[0]).toMatchObject({
      measures: [
        {
          name: 'sessions waiting for a lock',
          before: '6 (app, postgres)',
          after: expect.stringMatching(/^(0|\d \(app\))$/),
        },
      ],
    });
    expect(await pidsOf(server, 'pg_dump')).toHaveLength(1);
    await reader.end();
    await dump;
  });

  it('offers the session in the middle where the root may not be touched', async () => {
    // A superuser's session, which this role may not end, holds row 7; `middle` holds row 8 and waits for it.
    const root = await server.connect({application_name: 'root'});
    await root.query("BEGIN; UPDATE orders SET note = 'root' WHERE id = 7");
    const middle = await hold('middle', 8);
    const cancelled = middle
      .query("UPDATE orders SET note = 'middle' WHERE id = 7")
      .catch((error: {code: string}) => error.code);
    await untilWaiting(middle);
    const waiters = [];
    for (let index = 0; index < 4; index++) waiters.push(await waitFor(8));
    const {processID} = middle as pg.Client & {processID: number};
    const acting = await createActing(server, {user: 'oncall'});

    const assessor = createAssessor([]);
    await expect
      .poll(
        async () =>
          assessor.assess(await acting.ports.read(), noDiagnosisData).findings[0]?.acts?.slice(0, 2),
        {
          timeout: 30_000,
        },
      )
      .toMatchObject([
        {
          recipe: 'release-blockers',
          params: {pid: String(processID)},
          title: `cancel UPDATE orders of middle/app (${processID}), which waits itself and holds up others`,
          frees: 'unblocks 4 of 5 waiting sessions',
        },
        {recipe: null, title: expect.stringContaining('superuser session: only a superuser may end it')},
      ]);
    expect(await acting.run('release-blockers', {set: [now], dryRun: true})).toBe(5);
    expect(acting.document()).toMatchObject({
      steps: [],
      skipped: [{reason: 'superuser session: only a superuser may end it', is_final: true}],
    });
    expect(JSON.stringify(acting.document())).toContain(`which frees 4 sessions, set pid=${processID}.`);
    expect(await acting.run('release-blockers', {set: [`pid=${processID}`], yes: true})).toBe(0);
    expect(await cancelled).toBe('57014');
    await middle.query('ROLLBACK');
    for (const {done} of waiters) expect(await done).toMatchObject({rowCount: 1});
    expect(await pidsOf(server, 'root')).toHaveLength(1);
    await root.query('ROLLBACK');
  });

  it('does nothing if the sessions changed since the preview', async () => {
    const blocker = await hold('went-on', 5);
    const {done} = await waitFor(5);
    const acting = await createActing(server, {user: 'oncall'});
    const ask = async () => {
      await blocker.query('COMMIT');
      await done;
      return 'yes';
    };
    const flags = {...noFlags, set: [now], json: false};
    expect(await runRecipe({...acting.ports, ask}, 'release-blockers', flags)).toBe(6);
    expect(await pidsOf(server, 'went-on')).toHaveLength(1);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('names the blocking prepared transaction and the statement that ends it', async () => {
    const client = await hold('coordinator', 6);
    await client.query("PREPARE TRANSACTION 'order''s 6'");
    const {done} = await waitFor(6);
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('release-blockers', {set: [now], dryRun: true})).toBe(0);
    const [step] = acting.document().steps;
    expect(step).toMatchObject({kind: 'advice', text: expect.stringContaining('database postgres, as app')});
    const [row] = await server.query<{description: string}>(
      `SELECT transaction || ', prepared ' || to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS description FROM pg_prepared_xacts`,
    );
    expect(String(step?.text)).toContain(row?.description);
    const statement = /ROLLBACK PREPARED .*?;/.exec(String(step?.text))?.[0] ?? '';
    await server.query(statement);
    expect(await done).toMatchObject({rowCount: 1});
  });
});
