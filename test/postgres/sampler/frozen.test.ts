import {afterAll, beforeAll, expect, it} from 'vitest';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {explainStatement} from '../../../source/postgres/planner/explain.ts';
import {readOnce} from '../../../source/postgres/sampler/sampler.ts';
import {readSessionDetail} from '../../../source/postgres/sampler/session-detail.ts';
import {describeMainMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {rejection} from '../requests.ts';
import {watch} from '../watching.ts';

describeMainMajor('a frozen server', major => {
  let server: OwnServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await startTestServer({major});
    connection = await watch(server.url());
  });
  afterAll(async () => {
    await server?.resume();
    await connection?.close();
    await server?.stop();
  });

  it.each<[string, (deadline_ms?: number) => Promise<unknown>]>([
    ['a whole snapshot', deadline_ms => readOnce(connection, {rates_over_ms: null, deadline_ms})],
    [
      'the detail of a session',
      deadline_ms => {
        return readSessionDetail(connection, {pid: 1, backend_start: null}, deadline_ms);
      },
    ],
    [
      'a plan',
      deadline_ms => {
        const {server_version_num} = connection;
        const request = {database: 'postgres', connected_database: 'postgres', server_version_num};
        return explainStatement(connection.rawClient, {...request, query: 'SELECT 1'}, deadline_ms);
      },
    ],
  ])('does not block %s for ever; the connection works again afterwards', async (_, ask) => {
    await server.pause();
    expect(await rejection(ask(200))).toMatchObject({
      name: 'AbortError',
      exitCode: 3,
      message: 'the server has not answered for 0.2 s',
    });
    await server.resume();
    expect(await ask()).toBeDefined();
  });
});
