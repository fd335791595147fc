import type {Stage, Story} from '../../../source/demo/stories/story.ts';

/** The end of a password's validity: open sessions go on, new ones are refused. */
export const story: Story = {
  name: 'refused-logins',
  title: "A role's password has expired",
  page: 'ledger: one pod after another fails with 28P01, password authentication failed. Nothing was deployed.',
  async prepare(stage) {
    for (const role of ['ledger_app', 'web_app', 'contractor']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE entries (id integer PRIMARY KEY, amount integer NOT NULL);
INSERT INTO entries SELECT n, n FROM generate_series(1, 1000) n;
ALTER ROLE contractor VALID UNTIL '2020-01-01';`);
    await stage.analyze();
  },
  async start(stage) {
    const psql = await stage.connect({role: 'web_app', application_name: 'psql', address: '127.0.0.31'});
    await psql.query('BEGIN');
    await psql.query('SELECT 1');
    const select = 'SELECT amount FROM entries WHERE id = $1';
    for (let index = 0; index < 8; index++) {
      await stage.loop(
        {role: 'web_app', application_name: 'web', address: '127.0.0.12'},
        client => client.query(select, [index]),
        {pause_ms: 200},
      );
    }
    for (let index = 0; index < 3; index++) {
      await stage.loop({role: 'ledger_app', address: '127.0.0.11'}, client => client.query(select, [index]), {
        pause_ms: 200,
      });
    }
    await stage.until("SELECT count(*) = 3 FROM pg_stat_activity WHERE usename = 'ledger_app'");
    await expire(stage);
    // Another pod, which starts now.
    await stage.loop({role: 'ledger_app', address: '127.0.0.14'}, client => client.query(select, [1]), {
      pause_ms: 200,
    });
  },
  first: {
    cause: 'refused-logins',
    recipe: 'refused-logins',
    summary:
      /^the password of role ledger_app expired at \S+ \(VALID UNTIL\), its new logins fail \(28P01\); its 3 sessions began before$/,
    within_seconds: 10,
  },
  innocents: ['psql', 'web', ''],
  async cure({admin}) {
    await admin.query("ALTER ROLE ledger_app VALID UNTIL 'infinity'");
  },
  solution: ['The rotation sets the end of the old password when no session needs it any more.'],
};

async function expire({admin}: Stage): Promise<void> {
  const {rows} = await admin.query<{now: string}>('SELECT now()::text AS now');
  await admin.query(`ALTER ROLE ledger_app VALID UNTIL '${rows[0]?.now}'`);
}
