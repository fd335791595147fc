import {chown, stat, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {createAssessor} from '../../source/core/assessment/assess.ts';
import {noDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../source/postgres/executor/executor.ts';
import {createSampler} from '../../source/postgres/sampler/sampler.ts';
import {createActing, createRoles, leak, pidsOf} from '../cli/execution/acting.ts';
import {failing, temporaryHome} from '../cli/run-program.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../helpers/server.ts';
import {rejection, requestTo} from '../postgres/requests.ts';
import {watch} from '../postgres/watching.ts';
import {advise, createOrders, proposalFor} from './indexing.ts';

describeEachMajor('a standby', major => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {wal_level: 'replica'}});
    await createRoles(server);
    await createOrders(server, 200);
    await server.query('CREATE INDEX idle_one ON shop.orders (n)');
    await server.query('CREATE INDEX broken ON shop.orders (status)');
    await server.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop.broken'::regclass");
    await server.query("ALTER ROLE app SET work_mem = '8MB'");
    await server.query('CREATE TABLE shop.events (id serial PRIMARY KEY)');
    await server.query('GRANT USAGE ON SCHEMA shop TO app; GRANT INSERT ON shop.orders TO app');
    const data = join(server.folder, 'data');
    const {uid, gid} = await stat(data);
    await writeFile(join(data, 'standby.signal'), '');
    await chown(join(data, 'standby.signal'), uid, gid);
    await server.restart();
    expect(await server.query('SELECT pg_is_in_recovery() AS is')).toEqual([{is: true}]);
  });
  afterAll(() => server?.stop());

  it('refuses preflight, which would not see the locks of the primary', async () => {
    const home = await temporaryHome();
    await writeFile(join(home, 'm.sql'), 'ALTER TABLE shop.orders ADD a int');
    expect(await failing(['preflight', 'm.sql', server.url()], {home})).toEqual([
      2,
      expect.stringContaining('this server is a standby'),
    ]);
  });

  const where = 'run it on the primary';

  it.each<[string, string[], string]>([
    ['set-timeouts', ['role=app', 'statement_timeout=30s'], 'ALTER ROLE'],
    ['tune-connection-limit', ['role=app', 'apply=role', 'instances=9', 'prisma_major=6'], 'ALTER ROLE'],
    ['drop-unused-indexes', ['stats_age=0s', 'standby=drop', 'index=idle_one'], 'DROP INDEX'],
    ['apply-indexes', [], 'CREATE INDEX'],
    ['enable-statement-statistics', [], 'CREATE EXTENSION'],
    ['repair-invalid-indexes', [], 'DROP INDEX, CREATE INDEX'],
    ['reset-role-setting', ['setting=work_mem', 'role=app'], 'ALTER ROLE'],
    ['widen-column', ['table=shop.events', 'column=id'], 'ALTER TABLE, ALTER SEQUENCE'],
  ])('leaves the plan of %s without steps', async (recipe, set, verb) => {
    const acting = await createActing(server);
    advise(acting, [await proposalFor(server, '"user_id"')]);
    for (const flags of [{dryRun: true}, {yes: true}]) {
      expect(await acting.run(recipe, {set, ...flags})).toBe(5);
      const {steps, explanation, skipped} = acting.document();
      expect(steps).toEqual([]);
      expect(String((explanation as string[])[0])).toBe(
        `This server is a standby (in recovery) and refuses ${verb}: ${where}.`,
      );
      expect(skipped).toEqual(
        verb
          .split(', ')
          .map(() => expect.objectContaining({reason: expect.stringContaining(where), is_forbidden: true})),
      );
    }
  });

  it('has no statistics to bring up to date', async () => {
    const acting = await createActing(server);
    const set = ['tables=shop.orders', 'threshold_times=0'];
    expect(await acting.run('analyze-stale-tables', {set, yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({
      steps: [],
      explanation: ['A standby gets its statistics from the primary: run this there.'],
    });
  });

  it('allows ending sessions', async () => {
    const {processID} = await leak(server, 'leaking', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('kill-idle-sessions', {set: ['older_than=0s', 'role=app'], yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([{subject: `backend:${processID}`, outcome: 'verified'}]);
    expect(await pidsOf(server, 'leaking')).toEqual([]);
  });

  it('is reported if the server became a standby after planning', async () => {
    const acting = await createActing(server);
    // As if it were read before the switch.
    const {read} = acting.ports;
    const stale = async () => {
      const snapshot = await read();
      return {...snapshot, target: {...snapshot.target, is_in_recovery: false}};
    };
    acting.ports.read = stale;
    const flags = {set: ['role=app', 'statement_timeout=30s'], yes: true};
    const executor = createExecutor(() => connect(requestTo(server.url()), {purpose: 'act'}));
    onTestFinished(() => executor.close());
    acting.ports.engine.executor = executor;
    expect(await acting.run('set-timeouts', flags)).toBe(7);
    expect(acting.document().steps).toMatchObject([
      {sqlstate: '25006', hint: 'This server is a standby (in recovery): run it on the primary.'},
    ]);
  });

  it('names an application that writes to it, ends its sessions, and is a primary once promoted', async () => {
    const client = await server.connect({user: 'app', password: 'secret', application_name: 'shop'});
    client.on('error', () => {});
    const insert = client.query("INSERT INTO shop.orders (status) VALUES ('new')");
    expect(await rejection(insert)).toMatchObject({code: '25006'});

    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const sampler = createSampler({connect: () => watch(server.url()), interval_ms: 500});
    const assessor = createAssessor([]);
    let promoted = false;
    for await (const event of sampler.events(abort.signal)) {
      if (event.kind !== 'snapshot') continue;
      const {snapshot} = event;
      const {findings, writable} = assessor.assess(snapshot, noDiagnosisData);
      if (!promoted) {
        expect(snapshot.target.is_in_recovery).toBe(true);
        expect(writable.ok).toBe(false);
        expect(findings[0]).toMatchObject({cause: 'standby', recipe: 'kill-idle-sessions'});
        const acting = await createActing(server, {user: 'oncall'});
        const set = Object.entries(findings[0]?.params ?? {}).map(([name, value]) => `${name}=${value}`);
        expect(await acting.run('kill-idle-sessions', {set, yes: true})).toBe(0);
        expect(await pidsOf(server, 'shop')).toEqual([]);
        await server.query('SELECT pg_promote()');
        promoted = true;
      } else if (!snapshot.target.is_in_recovery) {
        // The same connection goes on: nothing was lost.
        expect(snapshot.target.server?.is_in_recovery).toBe(false);
        expect(findings.map(({cause}) => cause)).not.toContain('standby');
        expect(assessor.assess(snapshot, noDiagnosisData).changes.map(({what}) => what)).toContainEqual(
          expect.stringContaining('the standby became the primary'),
        );
        break;
      }
    }
  });
});
