import {expect, it, onTestFinished} from 'vitest';
import {openEngine, recoverUnfinishedRuns} from '../../../source/cli/execution/engine-context.ts';
import {openJournal} from '../../../source/journal/journal-file.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../../source/postgres/executor/executor.ts';
import {createCliContext} from '../../helpers/cli-context.ts';
import {serverAt} from '../../helpers/identity.ts';
import {startProxy} from '../../helpers/proxy.ts';
import {describeMainMajor, type TestServer} from '../../helpers/server.ts';
import {rejection, requestTo} from '../../postgres/requests.ts';
import {temporaryFolder} from './acting.ts';
import {limitStep} from './limit-roles.ts';
import {adminOn, limitsOn, nameOf, planHashOf, useTwoServers} from './two-servers.ts';

describeMainMajor('another server at the same address', major => {
  const servers = useTwoServers(major);
  const limitsOfBoth = () => Promise.all([limitsOn(servers.first), limitsOn(servers.second)]);

  it('invalidates the approval of a plan', async () => {
    const proxy = await startProxy(servers.first);
    const before = await adminOn(proxy.addressOf(servers.first));
    await before.run('limit', {dryRun: true});
    const approve = planHashOf(before);
    proxy.redirectTo(servers.second);
    const after = await adminOn(proxy.addressOf(servers.first));
    expect(await after.run('limit', {approve})).toBe(6);
    expect(await limitsOfBoth()).toEqual([
      [-1, -1],
      [-1, -1],
    ]);
    proxy.redirectTo(servers.first);
    expect(await (await adminOn(proxy.addressOf(servers.first))).run('limit', {approve})).toBe(0);
    expect(await limitsOn(servers.first)).toEqual([7, 7]);
  });

  it('is named in the plan, in the run and in the journal', async () => {
    const acting = await adminOn(servers.first);
    const server = await serverAt(requestTo(servers.first.superuserUrl));
    await acting.run('limit', {dryRun: true, json: false});
    expect(acting.stdout.join('\n').split('\n')[0]).toContain(`(${await nameOf(servers.first)})`);
    expect(await acting.run('limit', {yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({server});
    expect((await acting.journal.read())[0]).toMatchObject({event: 'run', server});
  });

  it('is not used for the rest of a run', async () => {
    const proxy = await startProxy(servers.first);
    const acting = await adminOn(proxy.addressOf(servers.first));
    const {executor} = acting.ports.engine;
    acting.ports.engine.executor = {
      ...executor,
      async verify(...asked) {
        const isDone = await executor.verify(...asked);
        proxy.redirectTo(servers.second);
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
    expect(reason).toContain(`this is ${await nameOf(servers.second)}, not ${await nameOf(servers.first)}`);
    expect(steps).toMatchObject([{outcome: 'verified'}, {outcome: 'failed'}]);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('is not used for a run that has not started: exit 6', async () => {
    const proxy = await startProxy(servers.first);
    const acting = await adminOn(proxy.addressOf(servers.first));
    const {read} = acting.ports;
    acting.ports.read = async () => {
      const snapshot = await read();
      proxy.redirectTo(servers.second);
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

  it('receives neither a cancel request nor the verification of an interrupted step', async () => {
    const proxy = await startProxy(servers.first);
    const request = requestTo(proxy.addressOf(servers.first).url({user: 'admin', password: 'secret'}));
    const executor = createExecutor(() => connect(request, {purpose: 'act'}));
    onTestFinished(() => executor.close());
    executor.bind(await serverAt(request));
    const apply = {text: 'SELECT pg_catalog.pg_sleep(600)', values: []};
    const sleeping = rejection(executor.apply({apply, timeout_ms: 0, transaction: false}));
    const isAsleep =
      "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_catalog.pg_sleep%' AND state = 'active'";
    await expect.poll(() => servers.first.query(isAsleep)).toHaveLength(1);
    proxy.redirectTo(servers.second);
    expect(await rejection(executor.cancel())).toMatchObject({exitCode: 6});
    expect(await servers.first.query(isAsleep)).toHaveLength(1);
    proxy.redirectTo(servers.first);
    await executor.cancel();
    expect(await sleeping).toMatchObject({code: '57014'});
    proxy.redirectTo(servers.second);
    proxy.disconnectAll();
    await expect.poll(() => executor.pid()).toBeNull();
    expect(await rejection(executor.verify(limitStep('app').verify, 0))).toMatchObject({exitCode: 6});
  });

  it('is not changed if the rescue URL leads to it', async () => {
    const request = requestTo(servers.first.url({user: 'admin', password: 'secret'}));
    const rescue = requestTo(servers.second.superuserUrl);
    const watching = await connect(request, {purpose: 'watch'});
    onTestFinished(() => watching.close());
    const server = await serverAt(request);
    await takeEverySlot(servers.first);
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

  it('is not used if the rescue URL names another database: the read-only connection executes the step', async () => {
    const request = requestTo(servers.first.url({user: 'admin', password: 'secret'}));
    const rescue = requestTo(servers.first.url({database: 'template1'}));
    const watching = await connect(request, {purpose: 'watch'});
    onTestFinished(() => watching.close());
    const server = await serverAt(request);
    await takeEverySlot(servers.first);
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

  it('is not used to reconcile a step on the first server', async () => {
    const proxy = await startProxy(servers.first);
    const request = requestTo(proxy.addressOf(servers.first).url({user: 'admin', password: 'secret'}));
    const file = `${await temporaryFolder()}/journal.jsonl`;
    const journal = openJournal(file);
    const target = `${request.host}:${request.port}/postgres`;
    const server = await serverAt(request);
    const draft = {actor: 'me@here', target, run: 'lost'};
    const opening = {recipe: 'limit', plan: 'p', params: {}, step_count: 1, before: {}};
    await journal.append({...draft, event: 'run', ...opening, server});
    await journal.append({...draft, event: 'intent', step: 0, content: limitStep('app')});
    const reported: string[] = [];
    const look = async () => {
      const options = {flags: {journal: file}, watching: () => null};
      const {engine, identity} = openEngine(createCliContext(), request, options);
      const acting = {...identity, target, server: await serverAt(request), isDryRun: false};
      await recoverUnfinishedRuns(engine, acting, text => reported.push(text));
      await engine.executor.close();
    };
    await servers.second.query('ALTER ROLE app CONNECTION LIMIT 7');
    proxy.redirectTo(servers.second);
    await look();
    expect(await journal.verify()).toMatchObject({unfinished: [{run: 'lost'}]});
    expect(reported).toEqual([expect.stringMatching(/unknown, this is server …\d+, not server …\d+/)]);
    await servers.first.query('ALTER ROLE app CONNECTION LIMIT 7');
    proxy.redirectTo(servers.first);
    await look();
    expect(await journal.verify()).toMatchObject({unfinished: []});
    expect(reported[1]).toContain('done, as a later check found');
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
