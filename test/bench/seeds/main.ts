import {writeFile} from 'node:fs/promises';
import os from 'node:os';
import {fileURLToPath} from 'node:url';
import pg from 'pg';
import {startReplayDemo} from '../../../source/cli/replay/replay-server.ts';
import {claims} from './claims.ts';
import {measureEndpoint, type PoolSetting} from './measure-endpoint.ts';
import {type Measured, seedsReport} from './report.ts';

/** The school's platform: `connection_limit=1`, `pool_timeout=5`, as each serverless function had it. */
const school: PoolSetting = {connection_limit: 1, pool_timeout_ms: 5000};
/** The task desk: `connection_limit=10&pool_timeout=20`. */
const desk: PoolSetting = {connection_limit: 10, pool_timeout_ms: 20_000};
const deskEndpoints = ['manager-agents', 'agent-progress', 'manager-metrics'];

const report = fileURLToPath(new URL('report.md', import.meta.url));
const chosen = process.argv.slice(2);
const names = [...new Set(claims.map(claim => claim.endpoint))];
const measured: Measured[] = [];

for (const database of ['assessments', 'taskdesk']) {
  const ofDatabase = names.filter(name => deskEndpoints.includes(name) === (database === 'taskdesk'));
  const asked = ofDatabase.filter(name => chosen.length === 0 || chosen.includes(name));
  if (asked.length > 0) await measureOn(database, asked);
}
const [{model = 'an unknown processor'} = {model: undefined}] = os.cpus();
const conditions = `${os.cpus().length} cores (${model.trim()}), shared by server and load (load average ${os.loadavg()[0]?.toFixed(1)} at the end); Node ${process.version}, PostgreSQL 18, Prisma 7.`;
const text = seedsReport(measured, conditions);
console.log(text);
// A part of the endpoints is a look at them, and not the report that is kept.
if (chosen.length === 0) await writeFile(report, text);

async function measureOn(database: string, endpoints: readonly string[]): Promise<void> {
  const demo = await startReplayDemo({
    seed: 1,
    database,
    signal: new AbortController().signal,
    onProgress: line => console.error(line),
  });
  const watch = new pg.Client({connectionString: demo.watchUrl});
  await watch.connect();
  try {
    const {hostname, port} = new URL(demo.watchUrl);
    const application_name = 'poolctl-bench-seeds';
    const connection = {
      host: hostname,
      port: Number(port),
      database,
      user: demo.user,
      password: demo.password,
      application_name,
    };
    const countSessions = async () => {
      const {rows} = await watch.query<{own: number}>(
        'SELECT count(*)::int4 AS own FROM pg_stat_activity WHERE application_name = $1',
        [application_name],
      );
      return rows[0]?.own ?? 0;
    };
    for (const endpoint of endpoints) {
      console.error(endpoint);
      const setting = database === 'taskdesk' ? desk : school;
      const figures = await measureEndpoint(endpoint, {connection, setting, countSessions});
      measured.push({endpoint, setting, figures});
    }
  } finally {
    await watch.end();
    await demo.stop();
  }
}
