import {setTimeout as sleep} from 'node:timers/promises';
import pg from 'pg';
import type {ChurnSession} from './check.ts';

export type Churn = {
  /** Every session so far, the latest last. */
  sessions: ChurnSession[];
  /** Ends all sessions; resolves when the last one has ended. */
  stop(): Promise<void>;
};

/**
 * Starts a number of applications that open one session after the other: idle, idle in transaction, active, or waiting
 * for a row that another session has locked. A session ends by itself, by a closed socket, or because it is terminated.
 */
export function startChurn(
  urlOf: (application_name: string) => string,
  {count, random}: {count: number; random: () => number},
): Churn {
  const sessions: ChurnSession[] = [];
  let isOver = false;
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least));

  async function live(): Promise<void> {
    const session: ChurnSession = {application_name: `churn-${sessions.length}`, pid: 0, backend_start: null};
    sessions.push(session);
    const client = new pg.Client({connectionString: urlOf(session.application_name)});
    client.on('error', () => {});
    try {
      await client.connect();
      const {rows} = await client.query(
        "SELECT pid, to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') AS backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()",
      );
      Object.assign(session, rows[0]);
      for (let left = between(2, 12); left > 0 && !isOver; left--) {
        await work(client).catch(async (error: unknown) => {
          // A cancelled statement leaves the session; everything else ends it.
          if ((error as {code?: string}).code !== '57014') throw error;
          await client.query('ROLLBACK');
        });
      }
      if (random() < 0.3)
        (client as unknown as {connection: {stream: {destroy(): void}}}).connection.stream.destroy();
      else await client.end();
    } catch {
      // The session was ended, or could not connect.
      client.end().catch(() => {});
      await sleep(20);
    }
  }

  async function work(client: pg.Client): Promise<void> {
    const kind = random();
    if (kind < 0.2) return void (await sleep(between(5, 300)));
    if (kind < 0.4) return void (await client.query(`SELECT pg_sleep(${random() * 0.5})`));
    await client.query('BEGIN');
    if (kind < 0.7) await client.query('SELECT 1');
    else await client.query(`UPDATE churned SET n = n + 1 WHERE id = ${between(1, 4)}`);
    await sleep(between(5, 600));
    await client.query(random() < 0.8 ? 'COMMIT' : 'ROLLBACK');
  }

  const lives = Array.from({length: count}, async () => {
    while (!isOver) await live();
  });
  return {
    sessions,
    async stop() {
      isOver = true;
      await Promise.all(lives);
    },
  };
}
