import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import pg from 'pg';
import {startServer} from '../../../source/demo/server.ts';
import {program} from '../../helpers/build.ts';

/**
 * What a capture adds to a statement: the built program beside a direct connection, block by block in turn, so that
 * whatever else the machine does falls on both. `npm run build` first. Markdown on stdout.
 */
const rounds = 40;
const block = 200;

const statements: [string, pg.QueryConfig][] = [
  ['SELECT 1', {text: 'SELECT 1'}],
  ['prepared, one parameter', {name: 'one', text: 'SELECT $1::int4', values: [1]}],
  ['1000 rows of 100 bytes', {text: `SELECT repeat('x', 100) FROM generate_series(1, 1000)`}],
];

const server = await startServer();
const folder = await mkdtemp(path.join(os.tmpdir(), 'poolctl-bench-'));
try {
  const capture = await startCapture(server.superuserUrl);
  const [direct, through] = await Promise.all([
    connect(server.superuserUrl),
    connect(capture.url.replace('PASSWORD', server.superuserPassword)),
  ]);
  process.stdout.write(`| statement | direct | captured | added |\n|---|---|---|---|\n`);
  for (const [name, query] of statements) {
    const times = await measure(query, [direct, through]);
    process.stdout.write(`| ${[name, ...times.map(toText)].join(' | ')} |\n`);
  }
  await Promise.all([direct.end(), through.end()]);
  await capture.stop();
} finally {
  await server.stop();
  await rm(folder, {recursive: true, force: true});
}

async function startCapture(url: string): Promise<{url: string; stop(): Promise<void>}> {
  const args = [program, 'replay', '--capture', 'GET /bench', url, '--out', path.join(folder, 'bench.sql')];
  const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'ignore']});
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  return {
    url: String(line).trim(),
    async stop() {
      child.kill('SIGINT');
      await once(child, 'close');
    },
  };
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({connectionString});
  await client.connect();
  return client;
}

/** Each block's median on both ways, and how much the second is above the first, in milliseconds. */
async function measure(query: pg.QueryConfig, clients: readonly pg.Client[]): Promise<number[][]> {
  const medians = clients.map((): number[] => []);
  // The first round warms both up.
  for (let round = 0; round <= rounds; round++) {
    for (const [index, client] of clients.entries()) {
      const time_ms = await medianOfBlock(client, query);
      if (round > 0) medians[index]?.push(time_ms);
    }
  }
  const [direct = [], through = []] = medians;
  return [direct, through, through.map((time_ms, round) => time_ms - (direct[round] ?? 0))];
}

async function medianOfBlock(client: pg.Client, query: pg.QueryConfig): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < block; turn++) {
    const started_ms = performance.now();
    await client.query(query);
    times.push(performance.now() - started_ms);
  }
  return quantile(times, 0.5);
}

function toText(times_ms: readonly number[]): string {
  const [low, middle, high] = [0.1, 0.5, 0.9].map(share => quantile(times_ms, share).toFixed(3));
  return `${middle} ms (${low} to ${high})`;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}
