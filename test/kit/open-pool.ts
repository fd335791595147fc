import pg from 'pg';
import {afterAll, afterEach, beforeAll} from 'vitest';
import {instrumentPool} from '../../source/kit/kit.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';

/** The server of a file's tests, and pools of it that end with their test. `pools` are those to end. */
export function sharePools() {
  let server: TestServer;
  const pools: pg.Pool[] = [];
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
  });
  afterEach(async () => {
    await Promise.all(pools.splice(0).map(pool => pool.end()));
  });
  afterAll(() => server.stop());
  return {
    pools,
    server: () => server,
    open(max: number, options: Parameters<typeof instrumentPool>[1] = {}, config: pg.PoolConfig = {}) {
      const connectionString = server.superuserUrl;
      const pool = new pg.Pool({connectionString, max, application_name: 'web', ...config});
      pools.push(pool);
      return instrumentPool(pool, options);
    },
  };
}

/** Statements of `pg_sleep(60)` that the server runs. */
export const running =
  "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(60)%'";
