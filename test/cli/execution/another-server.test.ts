import {afterAll, beforeAll, beforeEach, expect, it, onTestFinished} from 'vitest';
import {openEngine, recoverUnfinishedRuns} from '../../../source/cli/execution/engine-context.ts';
import {undoRun} from '../../../source/commands/undo/command.ts';
import {openJournal} from '../../../source/journal/journal-file.ts';
import type {JournalEvent} from '../../../source/model/journal-entry.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../../source/postgres/executor/executor.ts';
import {createCliContext} from '../../helpers/cli-context.ts';
import {serverAt} from '../../helpers/identity.ts';
import {startProxy} from '../../helpers/proxy.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection, requestTo} from '../../postgres/requests.ts';
import {createActing, createRoles, exitCode, noFlags, temporaryFolder} from './acting.ts';
import {limitRoles, limitStep} from './limit-roles.ts';

const roles = ['app', 'viewer'];
const limit = limitRoles(roles);

describeEachMajor('another server at the same address', major => {
  let first: TestServer;
  let second: TestServer;
  beforeAll(async () => {
    const settings = {max_connections: 12, superuser_reserved_connections: 3};
    [first, second] = await Promise.all([startTestServer({major, settings}), startTestServer({major})]);
    for (const server of [first, second]) {
      await createRoles(server);
      await server.query("CREATE ROLE admin LOGIN PASSWORD 'secret' CREATEROLE IN ROLE pg_monitor");
      // PG16+: who may create roles may alter those it administers.
      await server.query('GRANT app, viewer TO admin WITH ADMIN OPTION');
    }
  });
  afterAll(() => Promise.all([first?.stop(), second?.stop()]));
  beforeEach(async () => {
    for (const server of [first, second]) {
      for (const role of roles) await server.query(`ALTER ROLE ${role} CONNECTION LIMIT -1`);
      await server.query('GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO PUBLIC');
    }
  });

  const limits = async (server: TestServer) => {
    const text = 'SELECT rolconnlimit AS is FROM pg_roles WHERE rolname = ANY($1) ORDER BY rolname';
    return (await server.query<{is: number}>(text, [roles])).map(({is}) => is);
  };
  const limitsOfBoth = () => Promise.all([limits(first), limits(second)]);
  const nameOf = async (server: TestServer) =>
    `server …${(await serverAt(requestTo(server.superuserUrl))).system_identifier?.slice(-6)}`;
  const adminOn = (server: TestServer, journal?: string) =>
    createActing(server, {user: 'admin', recipes: [limit], ...(journal !== undefined && {journal})});
  /** A run on the first server, by the address of a switch that leads to `later` from then on. */
  const runThenSwitch = async (later: TestServer) => {
    const proxy = await startProxy(first);
    const acting = await adminOn(proxy.addressOf(first));
    expect(await acting.run('limit', {yes: true})).toBe(0);
    proxy.redirectTo(later);
    return adminOn(proxy.addressOf(first), acting.journal.file);
  };
  const planOf = (acting: Awaited<ReturnType<typeof adminOn>>) => String(acting.document().plan);

  it('does not accept the approval of a plan', async () => {
    const proxy = await startProxy(first);
    const before = await adminOn(proxy.addressOf(first));
    await before.run('limit', {dryRun: true});
    const approve = planOf(before);
    proxy.redirectTo(second);
    const after = await adminOn(proxy.addressOf(first));
    expect(await after.run('limit', {approve})).toBe(6);
    expect(await limitsOfBoth()).toEqual([
      [-1, -1],
      [-1, -1],
    ]);
    proxy.redirectTo(first);
    expect(await (await adminOn(proxy.addressOf(first))).run('limit', {approve})).toBe(0);
    expect(await limits(first)).toEqual([7, 7]);
  });

  it('is named in the plan, in the run and in the journal', async () => {
    const acting = await adminOn(first);
    const server = await serverAt(requestTo(first.superuserUrl));
    await acting.run('limit', {dryRun: true, json: false});
    expect(acting.stdout.join('\n').split('\n')[0]).toContain(`(${await nameOf(first)})`);
    expect(await acting.run('limit', {yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({server});
    expect((await acting.journal.read())[0]).toMatchObject({event: 'run', server});
  });

  it('is not used for the undo of a run', async () => {
    await second.query('ALTER ROLE app CONNECTION LIMIT 7');
    const there = await runThenSwitch(second);
    expect(await there.undo('r1', {dryRun: true})).toBe(6);
    const flags = {...noFlags, yes: true, sameServer: true};
    const refusal = (await rejection(undoRun(there.ports, 'r1', flags))) as Error;
    expect(refusal).toMatchObject({exitCode: 6, message: expect.stringContaining('nothing was done')});
    expect(refusal.message).toContain(`this is ${await nameOf(second)}, not ${await nameOf(first)}`);
    expect(await limits(second)).toEqual([7, -1]);
    expect((await there.journal.read()).filter(({event}) => event === 'run')).toHaveLength(1);
  });

  it('is not used for the rest of a run', async () => {
    const proxy = await startProxy(first);
    const acting = await adminOn(proxy.addressOf(first));
    const {executor} = acting.ports.engine;
    acting.ports.engine.executor = {
      ...executor,
      async verify(...asked) {
        const isDone = await executor.verify(...asked);
        proxy.redirectTo(second);
        await executor.close();
        return isDone;
      },
    };
    expect(await acting.run('limit', {yes: true})).toBe(7);
    expect(await limitsOfBoth()).toEqual([
      [7, -1],
      [-1, -1],
    ]);
    const {reason, steps} = acting.document();
    expect(reason).toContain(`this is ${await nameOf(second)}, not ${await nameOf(first)}`);
    expect(steps).toMatchObject([{outcome: 'verified'}, {outcome: 'failed'}]);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('is not used for a run that has not started: exit 6', async () => {
    const proxy = await startProxy(first);
    const acting = await adminOn(proxy.addressOf(first));
    const {read} = acting.ports;
    acting.ports.read = async () => {
      const snapshot = await read();
      proxy.redirectTo(second);
      return snapshot;
    };
    expect(await acting.run('limit', {yes: true})).toBe(6);
    expect(acting.document()).toMatchObject({
      reason: expect.stringContaining('is not the server of this plan'),
    });
    expect(await limitsOfBoth()).toEqual([
      [-1, -1],
      [-1, -1],
    ]);
  });

  it('is sent no cancel, and is not asked about an interrupted step', async () => {
    const proxy = await startProxy(first);
    const request = requestTo(proxy.addressOf(first).url({user: 'admin', password: 'secret'}));
    const executor = createExecutor(() => connect(request, {purpose: 'act'}));
    onTestFinished(() => executor.close());
    executor.bind(await serverAt(request));
    const apply = {text: 'SELECT pg_catalog.pg_sleep(600)', values: []};
    const sleeping = rejection(executor.apply({apply, timeout_ms: 0, transaction: false}));
    const isAsleep =
      "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_catalog.pg_sleep%' AND state = 'active'";
    await expect.poll(() => first.query(isAsleep)).toHaveLength(1);
    proxy.redirectTo(second);
    expect(await rejection(executor.cancel())).toMatchObject({exitCode: 6});
    expect(await first.query(isAsleep)).toHaveLength(1);
    proxy.redirectTo(first);
    await executor.cancel();
    expect(await sleeping).toMatchObject({code: '57014'});
    proxy.redirectTo(second);
    proxy.disconnectAll();
    await expect.poll(() => executor.pid()).toBeNull();
    expect(await rejection(executor.verify(limitStep('app').verify, 0))).toMatchObject({exitCode: 6});
  });

  it('is not changed where the rescue URL leads to it', async () => {
    const request = requestTo(first.url({user: 'admin', password: 'secret'}));
    const rescue = requestTo(second.superuserUrl);
    const watching = await connect(request, {purpose: 'watch'});
    onTestFinished(() => watching.close());
    const server = await serverAt(request);
    await takeEverySlot(first);
    const ports = {flags: {}, watching: () => watching};
    const {executor} = openEngine(createCliContext(), {...request, rescue}, ports).engine;
    onTestFinished(() => executor.close());
    executor.bind(server);
    expect(await rejection(executor.apply(limitStep('app')))).toMatchObject({
      exitCode: 6,
      message: expect.stringMatching(/^the rescue URL .* is not the server of this plan: this is/),
    });
    expect(await limitsOfBoth()).toEqual([
      [-1, -1],
      [-1, -1],
    ]);
  });

  it('leaves the step to the read-only connection where the rescue URL names another database', async () => {
    const request = requestTo(first.url({user: 'admin', password: 'secret'}));
    const rescue = requestTo(first.url({database: 'template1'}));
    const watching = await connect(request, {purpose: 'watch'});
    onTestFinished(() => watching.close());
    const server = await serverAt(request);
    await takeEverySlot(first);
    const ports = {flags: {}, watching: () => watching};
    const {executor} = openEngine(createCliContext(), {...request, rescue}, ports).engine;
    onTestFinished(() => executor.close());
    executor.bind(server);
    const text = 'SELECT current_database() AS name, pg_backend_pid() AS pid';
    const apply = {text, values: []};
    expect((await executor.apply({apply, timeout_ms: 5000, transaction: false})).rows).toEqual([
      {name: 'postgres', pid: watching.client.processID},
    ]);
  });

  it('needs --same-server for an undo where its identifier is hidden', async () => {
    for (const each of [first, second])
      await each.query('REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM PUBLIC');
    const there = await runThenSwitch(second);
    for (const role of roles) await second.query(`ALTER ROLE ${role} CONNECTION LIMIT 7`);
    expect(await there.undo('r1', {dryRun: true})).toBe(0);
    expect(JSON.stringify(there.document())).toContain('cannot be told without pg_control_system()');
    expect(await there.undo('r1', {yes: true})).toBe(2);
    expect(await limits(second)).toEqual([7, 7]);
    expect(await there.undo('r1', {yes: true, sameServer: true})).toBe(0);
    expect(await limits(second)).toEqual([-1, -1]);
  });

  it('is recognised without an identifier until it restarts', async () => {
    await first.query('REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM PUBLIC');
    const here = await runThenSwitch(first);
    expect(await here.undo('r1', {yes: true})).toBe(0);
    expect(await limits(first)).toEqual([-1, -1]);
  });

  it('asks for the name of the target where an older journal has no server identity', async () => {
    const file = `${await temporaryFolder()}/journal.jsonl`;
    const old = openJournal(file);
    const done = {outcome: 'verified', row_count: 1, sqlstate: null, message: null, duration_ms: 1} as const;
    const target = `${first.host}:${first.port}/postgres`;
    const events: JournalEvent[] = [
      {event: 'run', recipe: 'limit', plan: 'p', params: {}, step_count: 1, before: {}},
      {event: 'intent', step: 0, content: limitStep('app')},
      {event: 'outcome', step: 0, ...done},
      {event: 'end', status: 'done', reason: null, after: {}},
    ];
    for (const event of events) await old.append({actor: 'me@here', target, run: 'r0', ...event});
    await first.query('ALTER ROLE app CONNECTION LIMIT 7');
    const acting = await adminOn(first, file);
    expect(await acting.undo('r0', {dryRun: true})).toBe(0);
    expect(JSON.stringify(acting.document())).toContain('the journal does not name its server');
    const approve = planOf(acting);
    expect(await acting.undo('r0', {approve})).toBe(2);
    expect(await acting.undo('r0', {yes: true})).toBe(2);
    const asked: string[] = [];
    const answering = (answer: string) => ({
      ...acting.ports,
      ask: async (question: string) => {
        asked.push(question);
        return answer;
      },
    });
    const flags = {...noFlags, json: false};
    expect(await exitCode(undoRun(answering('yes'), 'r0', flags))).toBe(130);
    expect(await limits(first)).toEqual([7, -1]);
    expect(await exitCode(undoRun(answering(target), 'r0', flags))).toBe(0);
    expect(asked[0]).toContain(`Type ${target} `);
    expect(await limits(first)).toEqual([-1, -1]);
  });

  it('is not used to reconcile a step on the first server', async () => {
    const proxy = await startProxy(first);
    const request = requestTo(proxy.addressOf(first).url({user: 'admin', password: 'secret'}));
    const file = `${await temporaryFolder()}/journal.jsonl`;
    const journal = openJournal(file);
    const target = `${request.host}:${request.port}/postgres`;
    const server = await serverAt(request);
    const draft = {actor: 'me@here', target, run: 'lost'};
    const opening = {recipe: 'limit', plan: 'p', params: {}, step_count: 1, before: {}};
    await journal.append({...draft, event: 'run', ...opening, server});
    await journal.append({...draft, event: 'intent', step: 0, content: limitStep('app')});
    const told: string[] = [];
    const look = async () => {
      const options = {flags: {journal: file}, watching: () => null};
      const {engine, identity} = openEngine(createCliContext(), request, options);
      const acting = {...identity, target, server: await serverAt(request), isDryRun: false};
      await recoverUnfinishedRuns(engine, acting, text => told.push(text));
      await engine.executor.close();
    };
    await second.query('ALTER ROLE app CONNECTION LIMIT 7');
    proxy.redirectTo(second);
    await look();
    expect(await journal.verify()).toMatchObject({unfinished: [{run: 'lost'}]});
    expect(told).toEqual([expect.stringMatching(/unknown, this is server …\d+, not server …\d+/)]);
    await first.query('ALTER ROLE app CONNECTION LIMIT 7');
    proxy.redirectTo(first);
    await look();
    expect(await journal.verify()).toMatchObject({unfinished: []});
    expect(told[1]).toContain('found done');
  });

  it('can be the same server with a new database: no undo', async () => {
    await first.query('CREATE DATABASE shop');
    const shop: TestServer = {...first, url: options => first.url({...options, database: 'shop'})};
    const acting = await adminOn(shop);
    expect(await acting.run('limit', {yes: true})).toBe(0);
    await first.query('DROP DATABASE shop WITH (FORCE)');
    await first.query('CREATE DATABASE shop');
    const again = await adminOn(shop, acting.journal.file);
    expect(await rejection(undoRun(again.ports, 'r1', {...noFlags, yes: true}))).toMatchObject({
      exitCode: 6,
      message: expect.stringContaining('or the same one created again'),
    });
    expect(await limits(first)).toEqual([7, 7]);
  });

  it('after a restart is the same server for an undo, but not for an approval', async () => {
    const acting = await adminOn(first);
    await acting.run('limit', {dryRun: true});
    const approve = planOf(acting);
    expect(await acting.run('limit', {yes: true})).toBe(0);
    await first.restart();
    const again = await adminOn(first, acting.journal.file);
    expect(await again.run('limit', {approve})).toBe(6);
    expect(await again.undo('r2', {dryRun: true})).toBe(0);
    expect(JSON.stringify(again.document())).toContain('it was restarted, or is a standby or a copy of it');
    expect(await again.undo('r2', {yes: true})).toBe(0);
    expect(await limits(first)).toEqual([-1, -1]);
  });
});

/** Connects to a server until it refuses; the sessions end with the test. */
async function takeEverySlot(server: TestServer): Promise<void> {
  for (let isFull = false; !isFull; ) {
    const holder = await server.connect({user: 'app', password: 'secret'}).catch(() => null);
    isFull = holder === null;
    onTestFinished(() => holder?.end());
  }
}
