import {expect, it} from 'vitest';
import {createAssessor} from '../../source/core/assessment/assess.ts';
import {noDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import {startProxy} from '../helpers/proxy.ts';
import {describeMainMajor, startTestServer, startTestStandby} from '../helpers/server.ts';
import {everything, openReader, until, watch} from './watching.ts';

describeMainMajor('a failover behind one address', major => {
  it('is another server, although it has the identifier of the one before', async () => {
    const primary = await startTestServer({major});
    const standby = await startTestStandby(primary);
    try {
      await until(async () => (await primary.query('SELECT FROM pg_stat_replication')).length === 1);
      const proxy = await startProxy(primary);
      const address = proxy.addressOf(primary);
      const assessor = createAssessor([]);
      const look = async () => {
        const connection = await watch(address.url());
        try {
          const reader = await openReader(connection);
          return assessor.assess(await reader.read(everything), noDiagnosisData);
        } finally {
          await connection.close();
        }
      };
      expect((await look()).changes).toEqual([]);
      const [row] = await standby.query<{at: string}>('SELECT pg_postmaster_start_time()::text AS at');
      await primary.stop();
      await standby.query('SELECT pg_promote()');
      proxy.redirectTo(standby);
      const {changes, assessed} = await look();
      expect(changes.map(({what}) => what)).toEqual([
        expect.stringMatching(
          /^the address leads to another server, a standby or a copy of the one before: started \S+ \S+Z$/,
        ),
      ]);
      expect(changes[0]?.what).toContain(new Date(row?.at ?? '').toISOString().slice(11, 19));
      // Its counters are not compared with those of the one before.
      expect(assessed.readings).toBe(1);
    } finally {
      await standby.stop();
      await primary.stop();
    }
  });
});
