import type {Stage, Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** Exports read a large result more slowly than the server sends it, and occupy the pool of all requests meanwhile. */
export const story: Story = {
  name: 'slow-reader',
  title: 'Clients that do not read their results',
  page: 'reports: requests time out (P2024), the database is idle.',
  async prepare(stage) {
    for (const role of ['reports_app', 'shop', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE line (id integer PRIMARY KEY, note text NOT NULL);
INSERT INTO line SELECT n, repeat('x', 900) FROM generate_series(1, 40000) n;
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    const clients: {end(): Promise<void>}[] = [];
    exporting.set(stage, clients);
    for (let index = 0; index < 5; index++) {
      const client = await stage.connect({
        role: 'reports_app',
        application_name: 'reports',
        address: `127.0.0.${11 + (index % 2)}`,
      });
      clients.push(client);
      client.query('SELECT id, note FROM line').catch(() => {});
      // As a program that writes each row to something slow.
      (client as unknown as {connection: {stream: {pause(): void}}}).connection.stream.pause();
    }
    for (let index = 0; index < 4; index++)
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    await stage.until("SELECT count(*) = 5 FROM pg_stat_activity WHERE wait_event = 'ClientWrite'");
  },
  first: {
    cause: 'slow-reader',
    recipe: null,
    summary: /^reports\/reports_app does not read its results/,
    within_seconds: 15,
  },
  innocents: ['shop', 'psql', 'idle-pool'],
  async cure(stage) {
    for (const client of exporting.get(stage) ?? []) {
      (client as unknown as {connection: {stream: {destroy(): void}}}).connection.stream.destroy();
    }
  },
  solution: ['The export wrote each row to a slow network drive, with the connection checked out.'],
};

const exporting = new WeakMap<Stage, {end(): Promise<void>}[]>();
