import type {Story} from '../../../source/demo/stories/story.ts';

const services = ['catalog', 'accounts', 'orders', 'mailer'];

/** Four services, each with pools far larger than what they use. */
export const story: Story = {
  name: 'idle-pools',
  title: 'Oversized pools hold the slots',
  page: 'A fifth service cannot be deployed: "remaining connection slots are reserved for roles with the SUPERUSER attribute".',
  settings: {max_connections: 60},
  async prepare(stage) {
    for (const role of [...services.map(name => `${name}_app`), 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE items (id integer PRIMARY KEY, title text NOT NULL);
INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 2000) n;
ANALYZE;`);
  },
  async start(stage) {
    for (const [index, name] of services.entries()) {
      const login = {role: `${name}_app`, application_name: name, address: `127.0.0.${11 + index}`};
      for (let slot = 0; slot < 11; slot++) {
        const client = await stage.connect(login);
        await client.query('SELECT title FROM items WHERE id = $1', [slot]);
      }
      // node-postgres takes the same connections again and again.
      await stage.loop(login, client => client.query('SELECT title FROM items WHERE id = $1', [1]), {
        pause_ms: 100,
      });
    }
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('SELECT 1');
    const report = await stage.connect({
      role: 'analyst',
      application_name: 'metabase',
      address: '127.0.0.32',
    });
    report.query('SELECT count(*) FROM items, LATERAL (SELECT pg_sleep(0.02)) AS slow').catch(() => {});
    await stage.until(
      `SELECT count(*) >= 44 FROM pg_stat_activity WHERE state = 'idle' AND clock_timestamp() - state_change > '11s'`,
    );
  },
  first: {
    cause: 'idle-pools',
    recipe: 'tune-connection-limit',
    summary:
      /^(?=.*catalog\/catalog_app)(?=.*mailer\/mailer_app).* hold 44 connections unused for \d+s or more, of 48: \d\d of 57 slots are in use/,
    within_seconds: 10,
  },
  innocents: ['psql', 'metabase'],
  async cure({admin}) {
    // Deployed with three connections each.
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM (
         SELECT pid, row_number() OVER (PARTITION BY application_name ORDER BY state_change DESC) AS number
         FROM pg_stat_activity WHERE application_name = ANY ($1)) AS own WHERE number > 3`,
      [services],
    );
  },
  solution: ['Each service used 1 of 12 connections; with 3 each the fifth one fits.'],
};
