import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/**
 * A harder sqlalchemy-rollback: transactions of 80 ms that end with ROLLBACK after reads; a few fail on the way and stay aborted
 * until the ORM rolls them back, and some use savepoints for what may fail.
 */
export const story: HealthyStory = {
  name: 'orm-rollback',
  title: 'An ORM with slow reads that end with ROLLBACK, errors now and then, and savepoints',
  async prepare(stage) {
    await stage.role('catalog');
    await stage.admin.query(`
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL UNIQUE);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;`);
    await stage.analyze();
  },
  async start(stage) {
    let requests = 0;
    for (let index = 0; index < 6; index++) {
      await stage.loop(
        {role: 'catalog', application_name: 'catalog', address: `127.0.0.${11 + (index % 2)}`},
        async client => {
          await client.query('BEGIN');
          await client.query('SELECT name FROM item WHERE id = $1', [1 + index]);
          await stage.sleep(70);
          // A bad request in fifty: the error leaves the transaction aborted until the ORM's error handler ends it.
          if (++requests % 50 === 0) {
            await client.query('SELECT 1 / $1::integer', [0]).catch(() => {});
            await stage.sleep(10);
          }
          await client.query('ROLLBACK');
        },
        {pause_ms: 120},
      );
    }
    for (let index = 0; index < 2; index++) {
      await stage.loop(
        {role: 'catalog', application_name: 'importer', address: '127.0.0.13'},
        async client => {
          await client.query('BEGIN');
          for (let row = 0; row < 5; row++) {
            await client.query('SAVEPOINT sa_savepoint_1');
            await client
              .query('INSERT INTO item VALUES ($1, $2)', [1000 + row, `item ${row === 3 ? 1 : 1000 + row}`])
              .then(() => client.query('RELEASE SAVEPOINT sa_savepoint_1'))
              .catch(() => client.query('ROLLBACK TO SAVEPOINT sa_savepoint_1'));
          }
          await client.query('DELETE FROM item WHERE id >= 1000');
          await client.query('COMMIT');
        },
        {pause_ms: 150},
      );
    }
    await stage.until('SELECT xact_rollback > 50 FROM pg_stat_database WHERE datname = current_database()');
  },
};
