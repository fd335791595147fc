import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** An application that restarts one client after the other, each opening its whole pool at once, on a server whose statistics are reset meanwhile. */
export const story: HealthyStory = {
  name: 'restarted',
  title: 'A rolling restart, and a reset of the statistics',
  async prepare(stage) {
    for (const role of ['shop', 'ops']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id integer PRIMARY KEY, total integer NOT NULL);
INSERT INTO orders SELECT n, n % 900 FROM generate_series(1, 20000) n;
GRANT ALL ON orders TO shop;`);
    await stage.analyze();
  },
  async start(stage) {
    const startClient = async (address: string) => {
      const running = new AbortController();
      for (let index = 0; index < 10; index++) {
        await stage.loop(
          {role: 'shop', application_name: 'shop', address},
          async client => {
            await client.query('SELECT "total" FROM "orders" WHERE "id" = $1', [1 + index]);
            await client.query('UPDATE "orders" SET "total" = "total" + 1 WHERE "id" = $1', [1 + index]);
          },
          {pause_ms: 100, signal: running.signal},
        );
      }
      return running;
    };
    const addresses = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
    const clients: AbortController[] = [];
    for (const address of addresses) clients.push(await startClient(address));
    await stage.until('SELECT sum(calls) > 500 FROM pg_stat_statements');
    const restart = async () => {
      for (const [index, address] of addresses.entries()) {
        await stage.sleep(4000);
        clients[index]?.abort();
        await startClient(address);
        if (index === 1) await stage.admin.query('SELECT pg_stat_reset(), pg_stat_statements_reset()');
      }
    };
    restart().catch(() => {});
  },
};
