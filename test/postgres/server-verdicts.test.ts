import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type ServerRow, serverRows} from '../../source/core/server/topics/index.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import type {Connection} from '../../source/postgres/connect/connect.ts';
import {emptyRequest, type Reader} from '../../source/postgres/sampler/reader.ts';
import {showsItsHost} from '../helpers/majors.ts';
import {describeEachMajor, type OwnServer, startTestServer, startTestStandby} from '../helpers/server.ts';
import {type Servers, type State, serverSettings, statesOf} from './server-states.ts';
import {openReader, until, watch} from './watching.ts';

const password = 'secret';

/** Of what the server says of itself: a host or a log may not be there. */
function isUnknown({topic, verdict}: ServerRow): boolean {
  return (
    verdict === 'unknown' &&
    ['horizon', 'wraparound', 'autovacuum', 'replication', 'WAL', 'checkpoints'].includes(topic)
  );
}

describeEachMajor('verdicts of the Server view', major => {
  /** Set before the first test. */
  const servers = {} as Servers;
  const connections: Connection[] = [];
  let readers: Record<'primary' | 'standby', Reader>;

  beforeAll(async () => {
    const primary = await startTestServer({major, settings: serverSettings});
    servers.primary = primary;
    await primary.query("SELECT pg_create_physical_replication_slot('standby')");
    servers.standby = await startTestStandby(primary, {
      primary_slot_name: 'standby',
      hot_standby: 'on',
      max_standby_streaming_delay: '0',
      wal_receiver_status_interval: '1s',
    });
    await primary.query(`CREATE ROLE anyone LOGIN PASSWORD '${password}'`);
    await primary.query(`CREATE ROLE monitor LOGIN PASSWORD '${password}' IN ROLE pg_monitor`);
    await primary.query('CREATE TABLE orders AS SELECT id, 0 AS state FROM generate_series(1, 40000) id');
    const replayed = "SELECT FROM pg_class WHERE relname = 'orders'";
    await until(async () => (await servers.standby.query(replayed)).length === 1);
    readers = {primary: await open(primary, 'monitor'), standby: await open(servers.standby)};
  });
  afterAll(async () => {
    await Promise.all(connections.map(connection => connection.close()));
    await servers.standby?.stop();
    await servers.primary?.stop();
  });

  async function open(server: OwnServer, user?: string): Promise<Reader> {
    const connection = await watch(server.url(user === undefined ? {} : {user, password}));
    connections.push(connection);
    return openReader(connection);
  }

  async function linesOf(reader: Reader): Promise<ServerRow[]> {
    const snapshot: Snapshot = await reader.read({...emptyRequest, activity: true, server_state: 'all'});
    // Replay on the standby may cancel a query of poolctl's own (40001), which it sends again after a while.
    const failed = snapshot.unavailable.filter(
      ({section, sqlstate}) => section.startsWith('server.') && sqlstate !== '40001',
    );
    expect(failed).toEqual([]);
    return serverRows({snapshot, state: snapshot.server ?? {}}, 'not read');
  }

  it.each<State>(statesOf(servers, {showsHost: showsItsHost(major)}))(
    '$state',
    async ({at, bring, line: [topic, verdict, text], end}) => {
      const reader = readers[at ?? 'primary'];
      await bring();
      let lines: ServerRow[] = [];
      const look = async () => {
        lines = await linesOf(reader);
        return lines.find(each => each.topic === topic && each.verdict === verdict && text.test(each.text));
      };
      const found = await until(look, async () =>
        lines.map(each => `${each.topic}: ${each.verdict} ${each.text}`),
      );
      for (const part of found.page()) expect(part.heading).not.toBe('');
      if (end === undefined) return;
      await end();
      await until(
        async () => (await look()) === undefined,
        async () => lines.map(each => each.text),
      );
    },
  );

  describe('by what the role may see', () => {
    it('pg_monitor sees all of it', async () => {
      const reader = await open(servers.primary, 'monitor');
      const lines = await linesOf(reader);
      expect(lines.filter(isUnknown)).toEqual([]);
    });

    it('another role has ?, and the grant', async () => {
      const connected = 'SELECT FROM pg_stat_replication';
      await until(async () => (await servers.primary.query(connected)).length === 1);
      const reader = await open(servers.primary, 'anyone');
      const lines = await linesOf(reader);
      const unknown = lines.filter(isUnknown);
      expect(unknown.map(({topic, text}) => [topic, text])).toEqual([
        ['autovacuum', 'busy workers (of 3): unknown; to see it: GRANT pg_monitor TO "anyone";'],
        [
          'replication',
          'standby standby: how far it is behind is unknown; to see it: GRANT pg_monitor TO "anyone";',
        ],
        [
          'WAL',
          expect.stringMatching(/the size of pg_wal is unknown; to see it: GRANT pg_monitor TO "anyone";$/),
        ],
      ]);
    });
  });
});
