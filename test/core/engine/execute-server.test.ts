import {afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished} from 'vitest';
import {AbortError} from '../../../source/core/errors.ts';
import type {Executor} from '../../../source/model/ports.ts';
import type {ServerIdentity} from '../../../source/model/target.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../../source/postgres/executor/executor.ts';
import {createActing, createRoles, exitCode, leak, noFlags, pidsOf} from '../../cli/execution/acting.ts';
import {serverAt} from '../../helpers/identity.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {rejection, requestTo} from '../../postgres/requests.ts';

const plain = {timeout_ms: 5000, transaction: false};

describeEachMajor('acting on a server', major => {
  let server: OwnServer;
  let here: ServerIdentity;
  beforeAll(async () => {
    server = await startTestServer({
      major,
      settings: {max_connections: 12, superuser_reserved_connections: 1},
    });
    await createRoles(server);
    here = await serverAt(requestTo(server.superuserUrl));
    await server.query('CREATE TABLE notes (id int PRIMARY KEY)');
    await server.query('GRANT ALL ON notes TO app');
  });
  afterAll(() => server?.stop());

  function createTestExecutor(user = 'app'): Executor {
    const request = requestTo(server.url({user, password: 'secret'}));
    const executor = createExecutor(() => connect(request, {purpose: 'act'}));
    executor.bind(here);
    onTestFinished(() => executor.close());
    return executor;
  }

  it('opens one connection on the first step and closes it afterwards', async () => {
    const executor = createTestExecutor();
    expect(await pidsOf(server, 'poolctl')).toEqual([]);
    const [first, second] = [
      await executor.apply({apply: {text: 'SELECT pg_backend_pid() AS pid', values: []}, ...plain}),
      await executor.apply({apply: {text: 'SELECT pg_backend_pid() AS pid', values: []}, ...plain}),
    ];
    expect(first.rows).toEqual(second.rows);
    expect(await pidsOf(server, 'poolctl')).toEqual([first.rows[0]?.pid]);
    await executor.close();
    expect(await pidsOf(server, 'poolctl')).toEqual([]);
  });

  it('counts rows and applies the timeout of each step', async () => {
    const executor = createTestExecutor();
    const wait = {text: 'SELECT pg_catalog.pg_sleep($1)', values: [30]};
    expect(await rejection(executor.apply({apply: wait, timeout_ms: 50, transaction: false}))).toMatchObject({
      code: '57014',
    });
    const timeout = {text: "SELECT current_setting('statement_timeout') AS is", values: []};
    expect((await executor.apply({apply: timeout, ...plain, timeout_ms: 1234})).rows).toEqual([
      {is: '1234ms'},
    ]);
    expect(
      (await executor.apply({apply: {text: 'SELECT 1 WHERE $1', values: [false]}, ...plain})).row_count,
    ).toBe(0);
  });

  it('executes a transaction atomically', async () => {
    const executor = createTestExecutor();
    const insert = (text: string) =>
      executor.apply({apply: {text, values: []}, timeout_ms: 5000, transaction: true});
    await insert('INSERT INTO public.notes SELECT generate_series(1, 3)');
    expect(
      await rejection(insert('INSERT INTO public.notes SELECT generate_series(4, 1, -1)')),
    ).toMatchObject({code: '23505'});
    expect(await server.query('SELECT count(*)::int FROM notes')).toEqual([{count: 3}]);
    expect((await executor.apply({apply: {text: 'SELECT 1', values: []}, ...plain})).row_count).toBe(1);
  });

  it('accepts one statement at a time, so a value cannot add a second', async () => {
    const executor = createTestExecutor();
    const two = executor.apply({apply: {text: 'SELECT 1; SELECT 2', values: []}, ...plain});
    expect(await rejection(two)).toMatchObject({code: '42601'});
  });

  it('suggests who may signal the session if the server refuses', async () => {
    const client = await leak(server, 'super');
    const executor = createTestExecutor('oncall');
    const error = await rejection(
      executor.apply({
        apply: {text: 'SELECT pg_catalog.pg_terminate_backend($1)', values: [client.processID]},
        ...plain,
      }),
    );
    expect(error).toMatchObject({code: '42501', message: expect.stringMatching(/superuser/i)});
    await client.end();
  });

  it('reconnects after its connection was terminated', async () => {
    const executor = createTestExecutor();
    await executor.apply({apply: {text: 'SELECT 1', values: []}, ...plain});
    await server.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'poolctl'",
    );
    await expect
      .poll(() => executor.apply({apply: {text: 'SELECT 1', values: []}, ...plain}).catch(() => null))
      .toMatchObject({row_count: 1});
  });

  it('verifies by polling, until the timeout', async () => {
    const executor = createTestExecutor('oncall');
    const verification = (pid: number) => ({
      query: {
        text: 'SELECT count(*)::int4 AS remaining FROM pg_catalog.pg_stat_activity WHERE pid = $1',
        values: [pid],
      },
      expect: {column: 'remaining', op: '=' as const, value: 0},
    });
    const client = await leak(server, 'verified', 'app');
    expect(await executor.verify(verification(client.processID), 100)).toBe(false);
    const verifying = executor.verify(verification(client.processID), 20_000);
    await client.end();
    expect(await verifying).toBe(true);
  });

  describe('a read-only query', () => {
    const writing = {
      query: {text: 'INSERT INTO public.looked VALUES (1) RETURNING id', values: []},
      expect: {column: 'id', op: '=' as const, value: 1},
    };
    /** A session's setting, not its transaction's: what comes next would run with it. */
    const opening = {
      query: {
        text: "SELECT set_config('default_transaction_read_only', 'off', false) AS a, set_config('transaction_read_only', 'off', false) AS b, set_config('search_path', 'public', false) AS path",
        values: [],
      },
      expect: {column: 'path', op: '=' as const, value: 'public'},
    };
    const isTrue = {
      query: {text: 'SELECT true AS yes', values: []},
      expect: {column: 'yes', op: '=' as const, value: true},
    };
    const insert = {text: 'INSERT INTO public.looked VALUES (2)', values: []};
    const settings = {text: "SELECT current_setting('search_path') AS path", values: []};
    const written = async () =>
      (await server.query<{id: number}>('SELECT id FROM looked ORDER BY id')).map(({id}) => id);
    beforeEach(async () => {
      await server.query('CREATE TABLE IF NOT EXISTS looked (id int)');
      await server.query('TRUNCATE looked');
      await server.query('GRANT ALL ON looked TO app');
    });

    it('cannot write', async () => {
      const executor = createTestExecutor();
      expect(await rejection(executor.verify(writing, 0))).toMatchObject({code: '25006'});
      expect(await rejection(executor.read(writing.query, 0))).toMatchObject({code: '25006'});
      for (const transaction of [true, false]) {
        const acting = executor.apply({apply: insert, guard: writing, timeout_ms: 5000, transaction});
        expect(await rejection(acting)).toMatchObject({code: '25006'});
      }
      expect(await written()).toEqual([]);
    });

    it('leaves the session unchanged', async () => {
      const executor = createTestExecutor();
      // 25001: a transaction that has begun to read is not opened for writing.
      const opened = await executor.verify(opening, 0).catch((error: {code?: string}) => error.code);
      expect(opened).toBe('25001');
      const path = {
        ...opening,
        query: {...opening.query, text: "SELECT set_config('search_path', 'public', false) AS path"},
      };
      expect(await executor.verify(path, 0)).toBe(true);
      expect(await executor.read(settings, 0)).toEqual([{path: 'pg_catalog'}]);
      for (const transaction of [true, false]) {
        const {rows} = await executor.apply({apply: settings, guard: path, timeout_ms: 5000, transaction});
        expect(rows).toEqual([{path: 'pg_catalog'}]);
      }
    });

    it('does not make later steps read-only', async () => {
      const executor = createTestExecutor();
      for (const transaction of [true, false])
        await executor.apply({apply: insert, guard: isTrue, timeout_ms: 5000, transaction});
      expect(await written()).toEqual([2, 2]);
    });
  });

  it('fails before anything is sent when no slot is left: exit 4, journaled', async () => {
    const leaked = await leak(server, 'full', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    const holders = [];
    for (let error: unknown; error === undefined; ) {
      try {
        holders.push(await server.connect({application_name: 'holder', user: 'app', password: 'secret'}));
      } catch (refusal) {
        error = refusal;
      }
    }
    expect(
      await acting.run('kill-idle-sessions', {set: ['older_than=0s', 'application=full'], yes: true}),
    ).toBe(4);
    expect(acting.document().steps).toMatchObject([{outcome: 'failed', message: expect.any(String)}]);
    expect(await pidsOf(server, 'full')).toEqual([leaked.processID]);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});

    await holders[0]?.end();
    expect(
      await acting.run('kill-idle-sessions', {set: ['older_than=0s', 'application=full'], yes: true}),
    ).toBe(0);
    for (const holder of holders) await holder.end();
  });

  it('leaves the intent unfinished when the server stops during a step', async () => {
    await leak(server, 'crash', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    const {executor} = acting.ports.engine;
    const apply: Executor['apply'] = async step => {
      // The connection is open and the step is running when the server dies.
      await executor.apply({...step, apply: {text: 'SELECT 1', values: []}});
      const acted = executor.apply({
        ...step,
        apply: {text: 'SELECT pg_catalog.pg_sleep(30)', values: []},
        timeout_ms: 30_000,
      });
      const failure = rejection(acted);
      await server.stopHard();
      throw await failure;
    };
    const {runRecipe} = await import('../../../source/commands/run/command.ts');
    const engine = {...acting.ports.engine, executor: {...executor, apply}};
    const flags = {...noFlags, set: ['older_than=0s', 'application=crash'], yes: true};
    try {
      expect(await exitCode(runRecipe({...acting.ports, engine}, 'kill-idle-sessions', flags))).toBe(7);
      expect(await acting.journal.unfinished()).toMatchObject([{run: 'r1', step: 0}]);
      expect(acting.document()).toMatchObject({status: 'failed', reason: expect.stringContaining('unknown')});
    } finally {
      await server.restart();
    }
  });

  it('throws AbortError when it cannot connect', async () => {
    const executor = createTestExecutor('nobody');
    const error = await rejection(executor.apply({apply: {text: 'SELECT 1', values: []}, ...plain}));
    expect(error).toBeInstanceOf(AbortError);
    expect(error).toMatchObject({exitCode: 3});
  });
});
