import {createRandom} from '../../../source/core/random.ts';
import {createDatabases} from '../../../source/demo/demo.ts';
import {assessmentsRequests, calmAssessmentsRequests} from '../../../source/demo/requests/assessments.ts';
import type {Request, Send} from '../../../source/demo/requests/prisma-sql.ts';
import {calmScoringRequests, scoringRequests} from '../../../source/demo/requests/scoring.ts';
import {calmTaskdeskRequests, taskdeskRequests} from '../../../source/demo/requests/taskdesk.ts';
import {pickFunction} from '../../../source/demo/rows.ts';
import type {TestServer} from '../../helpers/server.ts';
import {shopRows, shopSchema, shopStatements} from './shop.ts';
import type {Statement} from './statement.ts';
import {ticketsRows, ticketsSchema, ticketsStatements} from './tickets.ts';
import {tpchQueries, tpchRows, tpchSchema} from './tpch.ts';

type Client = Awaited<ReturnType<TestServer['connect']>>;

/** Statements over the rows of one database. */
export type Workload = {
  /** Also the database's. */
  name: string;
  what: string;
  /** Written before anybody looked at what the finder makes of it, and never to be tuned on. */
  held_out?: true;
  run(client: Client): Promise<void>;
};

export const workloads: readonly Workload[] = [
  demo('assessments', [...assessmentsRequests, ...calmAssessmentsRequests]),
  demo('scoring', [...scoringRequests, ...calmScoringRequests]),
  demo('taskdesk', [...taskdeskRequests, ...calmTaskdeskRequests]),
  {name: 'pgbench', what: "pgbench's own three scripts, scale 2: nothing to propose", run: runPgbench},
  {name: 'pgbench_bare', what: 'the same without its primary keys', run: runPgbench},
  {name: 'tpch', what: "TPC-H's 22 queries over 120,000 lines", run: client => sendAll(client, tpchQueries)},
  heldOut('shop', 'a shop of 150 tenants, its ORM and its job queue, 500,000 rows', shopStatements),
  heldOut('tickets', 'a help desk of 80 workspaces with threads and badges, 490,000 rows', ticketsStatements),
];

function heldOut(name: string, what: string, statements: readonly Statement[]): Workload {
  return {
    name,
    what,
    held_out: true,
    async run(client) {
      const random = createRandom(7);
      for (const {calls, text, values} of statements) {
        for (let call = 0; call < calls; call++) await client.query(text, values(random));
      }
    },
  };
}

function demo(name: string, requests: readonly Request[]): Workload {
  return {
    name,
    what: `the demo's ${name}: every endpoint once for each time of its weight`,
    async run(client) {
      const random = createRandom(7);
      // Endpoints send several at once, which one connection takes one after the other.
      let last: Promise<unknown> = Promise.resolve();
      const send: Send = ({text, values}) => {
        const answer = last.then(async () => (await client.query(text, values)).rows);
        last = answer;
        return answer;
      };
      for (const request of requests) {
        for (let call = 0; call < request.weight; call++) {
          await request.run(send, random);
        }
      }
    },
  };
}

/** Creates, fills and analyzes the databases of all workloads. */
export async function fillDatabases(server: TestServer, progress: (text: string) => void): Promise<void> {
  await createDatabases(server, {seed: 1, calm: false, onProgress: progress});
  await fill(server, 'tpch', [tpchSchema, pickFunction(1), ...tpchRows]);
  progress('tpch is filled');
  await fill(server, 'shop', [shopSchema, ...shopRows]);
  await fill(server, 'tickets', [ticketsSchema, ...ticketsRows]);
  progress('shop and tickets are filled');
  await fill(server, 'pgbench', [pgbenchTables, pgbenchKeys]);
  await fill(server, 'pgbench_bare', [pgbenchTables]);
  progress('pgbench is filled');
}

async function fill(server: TestServer, database: string, statements: readonly string[]): Promise<void> {
  await server.query(`CREATE DATABASE ${database}`);
  const client = await server.connect({database});
  await client.query('CREATE EXTENSION pg_stat_statements; SET pg_stat_statements.track = none');
  await sendAll(client, [...statements, 'VACUUM ANALYZE']);
  await client.end();
}

async function sendAll(client: Client, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await client.query(statement);
}

/** The tables of `pgbench -i -s 2`. */
const pgbenchTables = `
CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
CREATE TABLE pgbench_tellers (tid int NOT NULL, bid int, tbalance int, filler char(84));
CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84));
CREATE TABLE pgbench_branches (bid int NOT NULL, bbalance int, filler char(88));
INSERT INTO pgbench_branches SELECT i, 0 FROM generate_series(1, 2) i;
INSERT INTO pgbench_tellers SELECT i, (i - 1) / 10 + 1, 0 FROM generate_series(1, 20) i;
INSERT INTO pgbench_accounts SELECT i, (i - 1) / 100000 + 1, 0, '' FROM generate_series(1, 200000) i;`;

const pgbenchKeys = `
ALTER TABLE pgbench_branches ADD PRIMARY KEY (bid);
ALTER TABLE pgbench_tellers ADD PRIMARY KEY (tid);
ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);`;

/** TPC-B (sort of), simple update and select only: builtin_script of pgbench.c. */
async function runPgbench(client: Client): Promise<void> {
  for (let call = 1; call <= 20; call++) {
    const aid = call * 9973;
    await client.query('UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2', [call, aid]);
    await client.query('SELECT abalance FROM pgbench_accounts WHERE aid = $1', [aid]);
    await client.query('UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2', [call, call]);
    await client.query('UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2', [call, 1]);
    await client.query(
      'INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)',
      [call, 1, aid, call],
    );
  }
}
