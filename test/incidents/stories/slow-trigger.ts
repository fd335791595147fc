import type {Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** A migration added a trigger whose function scans its table for each row: every INSERT takes long, and the statement is the same. */
export const story: Story = {
  name: 'slow-trigger',
  title: 'A trigger has made every INSERT slow',
  page: 'orders: POST /orders takes a hundred times as long as yesterday. The INSERT has not changed.',
  async prepare(stage) {
    for (const role of ['orders_app', 'shop', 'migrator', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id bigserial PRIMARY KEY, customer integer NOT NULL, cents integer NOT NULL);
CREATE TABLE audit (order_id bigint NOT NULL, customer integer NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;
INSERT INTO audit SELECT n, n % 5000 FROM generate_series(1, 150000) n;
CREATE FUNCTION check_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM count(*) FROM audit WHERE customer = NEW.customer;
  INSERT INTO audit (order_id, customer) VALUES (NEW.id, NEW.customer);
  RETURN NEW;
END $$;
ALTER TABLE orders OWNER TO migrator;
ALTER FUNCTION check_limit() OWNER TO migrator;
GRANT ALL ON orders, audit, item TO orders_app, shop;
GRANT ALL ON SEQUENCE orders_id_seq TO orders_app;`);
    await stage.analyze();
    const app = await stage.connect({role: 'orders_app', application_name: 'orders-api'});
    for (let call = 0; call < 3000; call++) await app.query(insert, [call % 5000, 100]);
    await app.end();
  },
  async start(stage) {
    await openBystanders(stage);
    await stage.admin.query(
      'SET ROLE migrator; CREATE TRIGGER orders_limit BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION check_limit(); RESET ROLE',
    );
    for (let index = 0; index < 6; index++) {
      await stage.loop(
        {role: 'orders_app', application_name: 'orders-api', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query(insert, [index, 100]),
        {pause_ms: 20},
      );
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    }
    await stage.until('SELECT count(*) > 150030 FROM audit');
  },
  first: {
    cause: 'slow-trigger',
    recipe: null,
    summary:
      /^INSERT INTO orders by orders_app: .*: for each row it runs the trigger orders_limit \(check_limit\); \S+ blocks per call$/,
    within_seconds: 20,
  },
  innocents: ['shop', 'psql', 'idle-pool', 'orders-api'],
  async cure({admin}) {
    await admin.query('CREATE INDEX ON audit (customer)');
  },
  solution: ['The trigger of the migration counts in a table without an index for it, for each row.'],
};

const insert = 'INSERT INTO orders (customer, cents) VALUES ($1, $2)';
