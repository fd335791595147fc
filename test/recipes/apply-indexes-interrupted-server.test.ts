import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import applyIndexes from '../../recipes/apply-indexes.ts';
import {runRecipe} from '../../source/commands/run/command.ts';
import {execute} from '../../source/core/engine/execute.ts';
import {reconcileIntent} from '../../source/core/engine/recover-runs.ts';
import {slotsOf} from '../../source/core/engine/run-state.ts';
import type {RunState} from '../../source/model/run.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../source/postgres/executor/executor.ts';
import {readStepProgress} from '../../source/postgres/facts/progress.ts';
import {createActing, noFlags} from '../cli/execution/acting.ts';
import {serverAt} from '../helpers/identity.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {startChild} from '../journal/processes.ts';
import {requestTo} from '../postgres/requests.ts';
import {advise, buildPhase, createOrders, holdUp, indexNamed, proposalFor} from './indexing.ts';

describeMainMajor('a build of apply-indexes that fails, waits or is interrupted', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE EXTENSION pg_stat_statements');
  });
  afterAll(() => server?.stop());
  beforeEach(() => createOrders(server, 2000));

  it('drops the index that a failed build left, unless a session is building it', async () => {
    await server.query('UPDATE shop.orders SET n = 0 WHERE id = 7');
    const acting = await createActing(server);
    advise(acting, [await proposalFor(server, '(100 / "n")', {name: 'orders_n_idx'})]);
    expect(await acting.run('apply-indexes', {yes: true})).toBe(7);
    expect(acting.document().steps).toMatchObject([
      {
        outcome: 'failed',
        sqlstate: '22012',
        message: expect.stringContaining('what it left behind was removed'),
      },
    ]);
    expect(await indexNamed(server, 'orders_n_idx')).toBeUndefined();
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('fails after lock_timeout, and says that its leftover could not be dropped', async () => {
    const holder = await holdUp(server);
    const acting = await createActing(server);
    advise(acting, [await proposalFor(server, '"user_id"')]);
    expect(await acting.run('apply-indexes', {set: ['lock_timeout=100ms'], yes: true})).toBe(7);
    expect(acting.document().steps).toMatchObject([
      {
        sqlstate: '55P03',
        message: expect.stringMatching(
          /could not be removed .*: undo this run, or run repair-invalid-indexes/,
        ),
      },
    ]);
    expect(await indexNamed(server, 'orders_user_id_idx')).toMatchObject({is_valid: false});
    await holder.query('COMMIT');

    // The next run begins with the leftover.
    const next = await createActing(server);
    advise(next, [await proposalFor(server, '"user_id"')]);
    expect(await next.run('apply-indexes', {yes: true})).toBe(0);
    expect(next.document().steps.map(({title, outcome}) => [title, outcome])).toEqual([
      ['drop invalid index orders_user_id_idx of shop.orders', 'verified'],
      ['build index orders_user_id_idx on shop.orders', 'verified'],
    ]);
    expect(await indexNamed(server, 'orders_user_id_idx')).toMatchObject({is_valid: true});
  });

  it('shows the phase and the blocking session, and is cancelled by an interruption', async () => {
    const holder = await holdUp(server);
    const acting = await createActing(server);
    const request = requestTo(server.url());
    const executor = createExecutor(() => connect(request, {purpose: 'act'}));
    const watching = await connect(request, {purpose: 'watch'});
    const snapshot = await acting.ports.read();
    advise(acting, [await proposalFor(server, '"user_id"')]);
    const facts = await acting.ports.load(applyIndexes.planRequires?.({}) ?? {});
    const plan = applyIndexes.plan?.(snapshot, {}, facts);
    if (plan === undefined) throw new Error('it plans');
    const interruption = new AbortController();
    const ports = {
      ...acting.ports.engine,
      executor,
      slots: async () => slotsOf(snapshot.budget),
      progress: async () => {
        const pid = executor.pid();
        return pid === null ? null : readStepProgress(watching, pid);
      },
    };
    let last: RunState | undefined;
    const seen: unknown[] = [];
    // The cleanup waits for the same session.
    const dropping =
      "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DROP INDEX CONC%' AND state = 'active'";
    let swept: Promise<unknown> | undefined;
    for await (const state of execute(
      plan,
      {...acting.ports.identity, target: 't', server: await serverAt(request)},
      ports,
      interruption.signal,
    )) {
      last = state;
      const progress = state.steps[0]?.progress;
      if (!progress) continue;
      seen.push(progress);
      if (progress.waiting_for === null) continue;
      interruption.abort();
      swept ??= expect
        .poll(() => server.query(dropping))
        .toHaveLength(1)
        .then(() => holder.query('COMMIT'));
    }
    await swept;
    expect(seen.at(-1)).toEqual({
      phase: 'waiting for writers before build',
      done_ratio: 0,
      waiting_for: {pid: holder.processID, description: 'holder postgres idle in transaction'},
    });
    expect(last).toMatchObject({status: 'interrupted', exit_code: 130});
    expect(last?.steps[0]?.result).toMatchObject({
      outcome: 'failed',
      sqlstate: '57014',
      message: expect.stringContaining('what it left behind was removed'),
    });
    expect(await indexNamed(server, 'orders_user_id_idx')).toBeUndefined();
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
    await watching.close();
  });

  it('exits 6 if the index was built since the preview, or another poolctl is building it', async () => {
    const acting = await createActing(server);
    const proposal = await proposalFor(server, '"user_id"');
    advise(acting, [proposal]);
    const ask = async () => {
      await server.query('CREATE INDEX elsewhere ON shop.orders (user_id)');
      return 'yes';
    };
    const flags = {...noFlags, json: false};
    expect(await runRecipe({...acting.ports, ask}, 'apply-indexes', flags)).toBe(6);
    expect(await indexNamed(server, proposal.name)).toBeUndefined();
    await server.query('DROP INDEX shop.elsewhere');

    const other = await server.connect();
    await other.query('SELECT pg_advisory_lock(31647721742103660)');
    const next = await createActing(server);
    advise(next, [proposal]);
    expect(await next.run('apply-indexes', {yes: true})).toBe(6);
    expect(next.document().steps).toMatchObject([
      {outcome: 'skipped', message: 'another poolctl is building or dropping an index here: skipped'},
    ]);
    await other.end();
  });

  it('survives kill -9: the server finishes the build, and the next run reconciles the open intent', async () => {
    const holder = await holdUp(server);
    const acting = await createActing(server);
    const proposal = await proposalFor(server, '"user_id"');
    const child = startChild(
      new URL('./build-process.ts', import.meta.url),
      ...[server.url(), acting.journal.file, JSON.stringify(proposal)],
    );
    await child.prints('acting');
    await expect.poll(() => buildPhase(server)).toBe('waiting for writers before build');
    child.process.kill('SIGKILL');
    await child.exited;

    const [intent] = await acting.journal.unfinished();
    if (intent === undefined) throw new Error('it is unfinished');
    const {journal} = acting;
    const here = await serverAt(requestTo(server.url()));
    const settle = async () => {
      const entries = await journal.read();
      const by = {...acting.ports.identity, target: intent.target, server: here, entries};
      return reconcileIntent(intent, by, {...acting.ports.engine, journal});
    };
    expect(await settle()).toContain('may still be executing');
    advise(acting, [proposal]);
    const running = acting.run('apply-indexes', {yes: true});
    const isWaiting = () =>
      server.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO $poolctl$%' AND state = 'active'");
    await expect.poll(isWaiting).toHaveLength(1);
    expect(await indexNamed(server, proposal.name)).toMatchObject({is_valid: false});
    await holder.query('COMMIT');
    expect(await running).toBe(0);
    expect(acting.document().steps).toMatchObject([
      {title: expect.stringMatching(/^wait for session \d+ to build/), outcome: 'verified'},
    ]);
    expect(await indexNamed(server, proposal.name)).toMatchObject({is_valid: true});
    expect(await settle()).toBe('done, as a later check found');
    // Its undo knows by then which index it was.
    const [found] = await server.query<{oid: string}>(
      `SELECT 'shop.${proposal.name}'::regclass::oid::text AS oid`,
    );
    const outcome = (await acting.journal.read()).findLast(({event}) => event === 'outcome');
    expect(outcome).toMatchObject({pins: {oid: found?.oid}});
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });
});
