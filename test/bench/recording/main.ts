import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import process from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';
import pg from 'pg';
import {recipes} from '../../../recipes/index.ts';
import {locateServerOn} from '../../../source/cli/locate-server.ts';
import {readRecipeData} from '../../../source/cli/recipe-data.ts';
import {record} from '../../../source/commands/record/command.ts';
import {startServer, type ThrowawayServer} from '../../../source/demo/server.ts';
import type {DataRequirements} from '../../../source/model/recipe-data.ts';
import {type Connection, connect} from '../../../source/postgres/connect/connect.ts';
import {localMachine} from '../../../source/postgres/connect/machine.ts';
import {createSampler} from '../../../source/postgres/sampler/sampler.ts';
import {openRecordingFile} from '../../../source/recording/recording-file.ts';
import {startLoad} from '../child.ts';

/**
 * How large a recording becomes: `tsx test/bench/recording/main.ts [SECONDS]` records a real server with 200 sessions
 * (60 % idle, 20 % idle in transaction, 20 % active) and 150 different statements under way, every 2 s.
 */
const seconds = Number(process.argv[2] ?? 300);
const sessions = 200;
const interval_ms = 2000;
const differentStatements = 150;

const folder = await mkdtemp(join(tmpdir(), 'poolctl-recording-'));
const server = await startServer({
  settings: {max_connections: sessions + 50, shared_preload_libraries: 'pg_stat_statements'},
});
try {
  await prepare(server);
  const load = await startLoad({url: server.url({user: 'app', password: 'bench'}), sessions});
  const ending = AbortSignal.timeout(seconds * 1000);
  const stirred = stir(server, ending);
  const {snapshots, bytes, cpu_ms} = await recordUntil(ending);
  await Promise.all([stirred, load.stop()]);
  const perHour = ((bytes / snapshots) * 3_600_000) / interval_ms;
  console.log(
    `${snapshots} snapshots, ${bytes} bytes, ${Math.round(bytes / snapshots)} a reading, ` +
      `${(perHour / 1e6).toFixed(2)} MB an hour; ${(cpu_ms / snapshots).toFixed(1)} ms of CPU a reading, reading included`,
  );
} finally {
  await server.stop();
  await rm(folder, {recursive: true});
}

async function prepare({superuserUrl}: ThrowawayServer): Promise<void> {
  const client = new pg.Client({connectionString: superuserUrl});
  await client.connect();
  await client.query(`CREATE EXTENSION pg_stat_statements;
    CREATE ROLE app LOGIN PASSWORD 'bench';
    CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
    INSERT INTO account SELECT id, 0 FROM generate_series(0, 9999) id;
    CREATE TABLE history (account_id int, at timestamptz);
    GRANT SELECT, INSERT, UPDATE ON account, history TO app;`);
  await client.end();
}

/** Statements that differ in what they select, some 100 a second. */
async function stir(of: ThrowawayServer, signal: AbortSignal): Promise<void> {
  const client = new pg.Client({connectionString: of.url({user: 'app', password: 'bench'})});
  await client.connect();
  for (let turn = 0; !signal.aborted; turn++) {
    const columns = (turn * 7919) % differentStatements;
    await client.query(`SELECT ${'balance, '.repeat(columns)} id FROM account WHERE id = ${turn % 10_000}`);
    await sleep(9);
  }
  await client.end();
}

async function recordUntil(signal: AbortSignal): Promise<{snapshots: number; bytes: number; cpu_ms: number}> {
  const request = await locateServerOn(localMachine({}, folder), {url: server.superuserUrl, flags: {}});
  const recording = await openRecordingFile(join(folder, 'out.poolctl'), {max_bytes: 2 ** 30});
  let current: Connection | null = null;
  const connecting = async (by: AbortSignal) => {
    current = await connect(request, {purpose: 'watch', signal: by, waitFor_ms: 0});
    return current;
  };
  const ports = {
    sampler: createSampler({interval_ms, connect: connecting}),
    recipes,
    recording,
    load: (needs: DataRequirements) => readRecipeData(current as Connection, needs),
    output: {isTty: false, columns: 80, stdout: () => {}, stderr: console.error},
    now: Date.now,
  };
  const started = process.cpuUsage();
  await record(ports, 'out.poolctl', signal);
  const {user, system} = process.cpuUsage(started);
  return {...recording.written(), cpu_ms: (user + system) / 1000};
}
