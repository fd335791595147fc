import {once} from 'node:events';
import process from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';
import pg from 'pg';

/**
 * The applications of the benchmark, in their own process so that 500 sessions do not disturb its clock. `hold` opens the
 * sessions and answers `holding`; `saturate` and `calm` answer with their own name.
 * Ends with its parent.
 */
export type LoadMessage =
  | {type: 'hold'; url: string; sessions: number; applications?: number}
  | {type: 'saturate'}
  | {type: 'calm'};
export type LoadAnswer = {type: 'holding' | 'saturate' | 'calm'} | {type: 'failed'; message: string};

let url = '';
let isSaturating = false;
let saturating: Promise<unknown> = Promise.resolve();

process.on('disconnect', () => process.exit());
process.on('message', (message: LoadMessage) => {
  execute(message).then(answer, (error: unknown) => answer({type: 'failed', message: String(error)}));
});

function answer(message: LoadAnswer): void {
  process.send?.(message);
}

async function execute(message: LoadMessage): Promise<LoadAnswer> {
  if (message.type === 'hold') {
    url = message.url;
    await hold(message.sessions, message.applications ?? 12);
    for (let index = 0; index < 4; index++) keepWriting(index);
    return {type: 'holding'};
  }
  if (message.type === 'saturate' && !isSaturating) {
    isSaturating = true;
    const clients = await Promise.all(Array.from({length: 8}, () => connect('report')));
    saturating = Promise.all(clients.map(burn));
  }
  if (message.type === 'calm') {
    isSaturating = false;
    await saturating;
  }
  return {type: message.type};
}

/** 60 % idle, 20 % idle in transaction, 20 % active. */
async function hold(sessions: number, applications: number): Promise<void> {
  let next = 0;
  const opener = async () => {
    while (next < sessions) {
      const index = next++;
      const client = await connect(`web-${index % applications}`);
      if (index % 5 === 0) await client.query(`BEGIN; SELECT balance FROM account WHERE id = ${index}`);
      else if (index % 5 === 1) sleepOnServer(client, index);
      else await client.query(longQuery(index));
    }
  };
  await Promise.all(Array.from({length: 10}, opener));
}

async function connect(application_name: string): Promise<pg.Client> {
  const client = new pg.Client({connectionString: url, application_name});
  // The benchmark ends the server on purpose.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** An active session that costs nothing: short statements that wait, one after another. */
async function sleepOnServer(client: pg.Client, index: number): Promise<void> {
  while (await succeeds(client.query(`SELECT pg_sleep(${2 + (index % 7) / 3}) /* ${longQuery(index)} */`)));
}

/** About 20 small transactions per second each, like pgbench's: an update, a read, an insert. */
async function keepWriting(index: number): Promise<void> {
  const client = await connect('worker');
  for (let turn = index; ; turn += 4) {
    const id = (turn * 7919) % 10_000;
    const text = `BEGIN; UPDATE account SET balance = balance + 1 WHERE id = ${id};
      SELECT balance FROM account WHERE id = ${id}; INSERT INTO history VALUES (${id}, now()); COMMIT`;
    if (!(await succeeds(client.query(text)))) return;
    await sleep(45);
  }
}

/** Uses as much of a core as it can get. */
async function burn(client: pg.Client): Promise<void> {
  while (
    isSaturating &&
    (await succeeds(client.query('SELECT sum(sqrt(n)) FROM generate_series(1, 300000) n')))
  );
  client.end().catch(() => {});
  await once(client, 'end');
}

function longQuery(index: number): string {
  const columns = Array.from(
    {length: 1 + (index % 20)},
    (_, column) => `balance + ${column} AS balance_${column}`,
  );
  return `SELECT ${columns.join(', ')} FROM account WHERE id = ${index}`;
}

async function succeeds(query: Promise<unknown>): Promise<boolean> {
  return query.then(
    () => true,
    () => false,
  );
}
