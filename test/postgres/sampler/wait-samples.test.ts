import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {groupLoad, loadOver, loadSourceText} from '../../../source/core/activity/load-over.ts';
import {addLoad, noLoad} from '../../../source/core/activity/session-load.ts';
import type {Snapshot} from '../../../source/model/snapshot.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {pickVariant} from '../../../source/postgres/queries/query.ts';
import {waitSamplesQuery} from '../../../source/postgres/queries/wait-samples.ts';
import {createReader, emptyRequest} from '../../../source/postgres/sampler/reader.ts';
import {
  extensionMajor,
  type FoundExtension,
  findExtension,
  findLaterExtension,
  skipWithout,
} from '../../helpers/debian-extension.ts';
import type {Major} from '../../helpers/majors.ts';
import {type OwnServer, startTestServer} from '../../helpers/server.ts';
import {requestTo} from '../requests.ts';
import {until} from '../watching.ts';

const servers: [Major, FoundExtension][] = [
  [extensionMajor, await findExtension('pg-wait-sampling', 'pg_wait_sampling')],
  [17, await findLaterExtension('pg-wait-sampling', 17)],
  [18, await findLaterExtension('pg-wait-sampling', 18)],
];

for (const [major, found] of servers)
  if ('missing' in found) skipWithout(`pg_wait_sampling on PostgreSQL ${major}`, found.missing);
  else
    describe(`where pg_wait_sampling is installed (PostgreSQL ${major})`, () => {
      let server: OwnServer;
      /** Debian's for 15 is older than what samples it. */
      const has_cpu = major > extensionMajor;

      beforeAll(async () => {
        server = await startTestServer({
          major,
          binaries: found.binaries,
          settings: {
            shared_preload_libraries: 'pg_stat_statements,pg_wait_sampling',
            compute_query_id: 'on',
            // Room for more than the time between two readings, however slow the machine.
            'pg_wait_sampling.history_size': 200_000,
          },
        });
        await server.query('CREATE SCHEMA ext');
        await server.query('CREATE EXTENSION pg_wait_sampling SCHEMA ext');
        await server.query("CREATE ROLE plain LOGIN PASSWORD 'secret'");
        await server.query('CREATE TABLE t (id int); INSERT INTO t VALUES (1)');
      });

      afterAll(() => server?.stop());

      async function withReader<T>(work: (read: () => Promise<Snapshot>) => Promise<T>): Promise<T> {
        const connection = await connect(requestTo(server.url()), {purpose: 'watch'});
        let now_ms = 0;
        try {
          // Its own clock: a reading is always due.
          const reader = createReader(connection, () => (now_ms += 3_600_000));
          await reader.read({...emptyRequest, catalogs: true, activity: true});
          return await work(() => reader.read({...emptyRequest, activity: true, lock_waits: true}));
        } finally {
          await connection.close();
        }
      }

      it('sees what sessions did between two readings, those that have ended too', async () => {
        const sleeper = await server.connect({application_name: 'sleeper'});
        const open = await server.connect({application_name: 'open'});
        const [holder, waiter] = await Promise.all([
          server.connect({application_name: 'holder'}),
          server.connect({application_name: 'waiter'}),
        ]);
        await open.query('BEGIN');
        await open.query('SELECT $1::int', [1]);
        await holder.query('BEGIN; UPDATE t SET id = id');
        const waiting = waiter.query('UPDATE t SET id = id');
        await withReader(async read => {
          await expect
            .poll(async () => (await read()).backends.filter(({blocked_by}) => blocked_by.length > 0))
            .toHaveLength(1);
          let load = addLoad(noLoad, await read());
          // Began and ended between two readings.
          await sleeper.query('SELECT pg_sleep(0.3)');
          const gone = await server.connect({application_name: 'gone'});
          await gone.query('SELECT pg_sleep(0.3)');
          await gone.end();
          const last = await read();
          expect(last.wait_samples).toMatchObject({every_ms: 10, has_cpu});
          expect(last.wait_samples?.samples).toBeGreaterThan(10);
          load = addLoad(load, last);
          const over = loadOver(load, 60_000);
          const busy = (of: 'event' | 'application') =>
            Object.fromEntries(groupLoad(over?.rows ?? [], of).map(({value, sessions}) => [value, sessions]));
          expect(over?.readings).toBeGreaterThan(10);
          expect(Object.keys(busy('application')).sort()).toEqual([
            '(unknown)',
            'holder',
            'sleeper',
            'waiter',
          ]);
          // Others of a busy machine may be among them: CPU, where it samples it, and reads of blocks.
          expect(Object.keys(busy('event'))).toEqual(
            expect.arrayContaining(['Lock:transactionid', 'Timeout:PgSleep', 'idle in transaction']),
          );
          // It waited in every sample; the one that it waits for is idle.
          expect(busy('application').waiter).toBeCloseTo(1, 1);
          expect(busy('application').holder).toBe(1);
          expect(over && loadSourceText(over)).toBe(
            `pg_wait_sampling, every 10ms${has_cpu ? '' : ', CPU by poolctl'}`,
          );
          const objects = groupLoad(over?.rows ?? [], 'object').map(({value}) => value);
          expect(objects).toContain('row of public.t');
        });
        await holder.query('COMMIT');
        await waiting;
      });

      it('sees what sessions do after the clock was set back', async () => {
        const {text} = pickVariant(waitSamplesQuery, 0, 'ext');
        const [future] = await server.query<{at: string}>("SELECT (now() + interval '1 hour')::text AS at");
        const client = await server.connect();
        const row = await until(async () => {
          const {rows} = await client.query(text, [future?.at]);
          return Number(rows[0]?.samples) > 0 && rows[0];
        });
        expect(Date.parse(row.until)).toBeLessThan(Date.parse(future?.at ?? '') - 3_000_000);
      });

      it('is not read by a role that may not, which is what grants it', async () => {
        await server.query('REVOKE SELECT ON ext.pg_wait_sampling_history FROM PUBLIC');
        const read = async () => {
          const connection = await connect(requestTo(server.url({user: 'plain', password: 'secret'})), {
            purpose: 'watch',
          });
          try {
            const reader = createReader(connection, () => performance.now());
            await reader.read({...emptyRequest, catalogs: true, activity: true});
            return await reader.read({...emptyRequest, activity: true});
          } finally {
            await connection.close();
          }
        };
        const refused = await read();
        expect(refused.wait_samples).toBeUndefined();
        const missing = refused.unavailable.find(({section}) => section === 'wait_samples');
        expect(missing?.reason).toBe(
          'role "plain" may not read "ext".pg_wait_sampling_history: waits are sampled by poolctl',
        );
        await server.query(missing?.remedy ?? '');
        expect((await read()).wait_samples?.every_ms).toBe(10);
      });
    });
