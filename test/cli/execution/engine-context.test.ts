import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {openEngine} from '../../../source/cli/execution/engine-context.ts';
import type {Executable} from '../../../source/model/ports.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {createCliContext} from '../../helpers/cli-context.ts';
import {serverAt} from '../../helpers/identity.ts';
import {describeMainMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {requestTo} from '../../postgres/requests.ts';
import {createRoles, leak, pidsOf} from './acting.ts';

describeMainMajor('executing on a server without a free slot', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      major,
      settings: {max_connections: 10, superuser_reserved_connections: 1},
    });
    await createRoles(server);
  });
  afterAll(() => server?.stop());

  it('uses the read-only connection, and restores its settings', async () => {
    const leaked = await leak(server, 'leaky', 'app');
    const request = requestTo(server.url({user: 'oncall', password: 'secret'}));
    const watching = await connect(request, {purpose: 'watch'});
    onTestFinished(() => watching.close());
    const timeoutOf = async () =>
      (await watching.client.query('SHOW statement_timeout')).rows[0]?.statement_timeout;
    const before = await timeoutOf();
    const here = await serverAt(request);
    await fill(server);

    const {executor} = openEngine(createCliContext(), request, {flags: {}, watching: () => watching}).engine;
    executor.bind(here);
    expect((await executor.apply(terminate(leaked.processID))).row_count).toBe(1);
    await expect.poll(() => pidsOf(server, 'leaky')).toEqual([]);
    await executor.close();
    expect(await timeoutOf()).toBe(before);

    // With a free slot, a step gets its own connection.
    const next = openEngine(createCliContext(), request, {flags: {}, watching: () => watching}).engine
      .executor;
    next.bind(here);
    const {rows} = await next.apply({
      ...terminate(0),
      apply: {text: 'SELECT pg_backend_pid() AS pid', values: []},
    });
    expect(rows[0]?.pid).not.toBe(watching.client.processID);
    await next.close();
  });
});

function terminate(pid: number): Executable {
  const text = 'SELECT pg_catalog.pg_terminate_backend($1)';
  return {apply: {text, values: [pid]}, timeout_ms: 5000, transaction: false};
}

/** Takes all free slots, as an application does; the superuser's reserved slots stay free for the test itself. */
async function fill(server: TestServer): Promise<void> {
  for (;;) {
    const client = await server
      .connect({application_name: 'holder', user: 'app', password: 'secret'})
      .catch(() => null);
    if (client === null) return;
    onTestFinished(() => client.end());
  }
}
