import {afterAll, beforeAll, beforeEach, expect, it, onTestFinished} from 'vitest';
import type {Executable, Executor} from '../../../source/model/ports.ts';
import type {Verification} from '../../../source/model/step.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../../source/postgres/executor/executor.ts';
import {serverAt} from '../../helpers/identity.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {requestTo} from '../requests.ts';

describeEachMajor('a step with a guard, pins or follow-up statements', major => {
  let server: OwnServer;
  let executor: Executor;
  beforeAll(async () => {
    server = await startTestServer({major});
  });
  beforeEach(async () => {
    await server.query('DROP TABLE IF EXISTS orders');
    await server.query('CREATE TABLE orders (id int)');
    executor = createExecutor(() => connect(requestTo(server.url()), {purpose: 'act'}));
    executor.bind(await serverAt(requestTo(server.url())));
    onTestFinished(() => executor.close());
  });
  afterAll(() => server?.stop());

  const sql = (text: string) => ({text, values: []});
  const executable = (text: string, more: Partial<Executable>): Executable => ({
    apply: sql(text),
    transaction: true,
    timeout_ms: 5000,
    ...more,
  });
  const expectGuard = (text: string): Verification => ({
    query: sql(text),
    expect: {column: 'guard', op: '=', value: 'matches'},
  });
  const comment = () => server.query("SELECT obj_description('orders'::regclass) AS text");

  it('rolls back if the check after its statement fails, and returns the message of the check', async () => {
    const proof = expectGuard(
      "SELECT CASE WHEN pg_catalog.obj_description('public.orders'::regclass) = 'done' THEN 'another one' END AS guard",
    );
    const applied = await executor.apply(executable("COMMENT ON TABLE public.orders IS 'done'", {proof}));
    expect(applied).toMatchObject({row_count: 0, objection: 'another one'});
    expect(await comment()).toEqual([{text: null}]);
  });

  it('commits if the check after its statement passes, and reads its pins in the same transaction', async () => {
    const proof = expectGuard(
      "SELECT CASE WHEN pg_catalog.obj_description('public.orders'::regclass) = 'done' THEN 'matches' END AS guard",
    );
    const pins = sql(
      "SELECT 'public.orders'::regclass::oid::text AS oid, pg_current_xact_id()::text AS xact",
    );
    const applied = await executor.apply(
      executable("COMMENT ON TABLE public.orders IS 'done'", {proof, pins}),
    );
    expect(applied.pins).toEqual({oid: expect.stringMatching(/^\d+$/), xact: expect.stringMatching(/^\d+$/)});
    expect(applied.incomplete).toBeUndefined();
    expect(await comment()).toEqual([{text: 'done'}]);
  });

  it('executes all follow-up statements or none, and says why', async () => {
    const build = 'CREATE INDEX CONCURRENTLY orders_id ON public.orders (id)';
    const pins = sql("SELECT c.oid::text FROM pg_class c WHERE c.relname = 'orders_id'");
    const afterwards = [
      sql("COMMENT ON TABLE public.orders IS 'half'"),
      sql('COMMENT ON TABLE gone IS NULL'),
    ];
    const applied = await executor.apply(executable(build, {transaction: false, pins, afterwards}));
    expect(applied.pins).toEqual({oid: expect.stringMatching(/^\d+$/)});
    expect(applied.incomplete).toBe('relation "gone" does not exist');
    expect(await comment()).toEqual([{text: null}]);
  });

  it.each([
    ['at once', {transaction: false}],
    ['in one transaction', {transaction: true}],
    ['in steps', {transaction: true, guard: expectGuard("SELECT 'matches' AS guard")}],
  ] as const)('fails when the server is frozen, executed %s', async (_how, more) => {
    await executor.read(sql('SELECT 1'), 1000);
    await server.pause();
    try {
      await expect(executor.apply(executable('SELECT 1', {...more, timeout_ms: 100}))).rejects.toThrow(
        'timeout',
      );
    } finally {
      await server.resume();
    }
  });

  it.each([true, false])('leaves no settings for the next step: transaction %s', async transaction => {
    const show = sql(
      "SELECT current_setting('lock_timeout') AS value, current_setting('work_mem') AS memory",
    );
    const before = await executor.read(show, 1000);
    const settings = {lock_timeout: '77ms', work_mem: '77kB'};
    const {rows} = await executor.apply({...executable(show.text, {transaction}), settings});
    expect(rows).toEqual([{value: '77ms', memory: '77kB'}]);
    const failing = executable('SELECT 1 / 0', {transaction, settings});
    await expect(executor.apply(failing)).rejects.toThrow('division by zero');
    expect(await executor.read(show, 1000)).toEqual(before);
  });

  it('succeeds if its pins cannot be read', async () => {
    const build = 'CREATE INDEX CONCURRENTLY orders_id ON public.orders (id)';
    const pins = sql('SELECT no_such_column');
    expect(await executor.apply(executable(build, {transaction: false, pins}))).toMatchObject({pins: null});
    expect(await server.query("SELECT to_regclass('orders_id') IS NOT NULL AS made")).toEqual([{made: true}]);
  });
});
