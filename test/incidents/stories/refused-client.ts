import type {Stage, Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** A deploy gave an application a wrong password: it has no session, so that only the server's log knows of it. */
export const story: Story = {
  name: 'refused-client',
  title: 'An application that cannot log in, seen in the log alone',
  page: 'billing is down since the deploy, its dashboard is empty. The database looks healthy.',
  settings: {log_min_messages: 'warning'},
  async prepare(stage) {
    for (const role of ['billing_app', 'shop', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;
SET pg_stat_statements.track = none;
ALTER ROLE billing_app PASSWORD 'of-the-new-secret';
RESET pg_stat_statements.track;`);
    await stage.analyze();
  },
  async start(stage) {
    await openBystanders(stage);
    const login = {role: 'billing_app', application_name: 'billing', address: '127.0.0.11'};
    for (let attempt = 0; attempt < 8; attempt++) await stage.connect(login).catch(() => {});
    const fixed = new AbortController();
    deployed.set(stage, fixed);
    for (let index = 0; index < 4; index++) {
      await stage.loop(login, client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]), {
        pause_ms: 200,
        signal: fixed.signal,
      });
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    }
  },
  first: {
    cause: 'refused-logins',
    recipe: 'refused-logins',
    summary:
      /^new connections of role billing_app are refused: 28P01 password authentication failed for user "billing_app", \d+ times within 2 min in the server log$/,
    within_seconds: 15,
  },
  innocents: ['shop', 'psql', 'idle-pool'],
  async cure(stage) {
    deployed.get(stage)?.abort();
  },
  solution: ['The secret of the deploy was of another environment.'],
};

const deployed = new WeakMap<Stage, AbortController>();
