import type {HealthyStory} from '../../../source/demo/stories/story.ts';

/** Triggers write an audit of every change, jsonb is searched through an index, and one small table is updated all the time. */
export const story: HealthyStory = {
  name: 'audited',
  title: 'Triggers, jsonb with an index, and a small busy table',
  async prepare(stage) {
    for (const role of ['orders_app', 'search']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE orders (id bigserial PRIMARY KEY, customer integer NOT NULL, payload jsonb NOT NULL);
CREATE TABLE audit (id bigserial PRIMARY KEY, order_id bigint NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE heartbeat (name text PRIMARY KEY, at timestamptz NOT NULL);
CREATE FUNCTION write_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO audit (order_id) VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER orders_audit AFTER INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION write_audit();
INSERT INTO orders (customer, payload) SELECT n, jsonb_build_object('sku', 's' || n) FROM generate_series(1, 20000) n;
CREATE INDEX ON orders ((payload->>'sku'));
INSERT INTO heartbeat SELECT 'instance ' || n, now() FROM generate_series(1, 8) n;`);
    await stage.analyze();
  },
  async start(stage) {
    for (let index = 0; index < 6; index++) {
      await stage.loop(
        {role: 'orders_app', application_name: 'orders-api', address: `127.0.0.${11 + (index % 2)}`},
        async client => {
          await client.query('INSERT INTO orders (customer, payload) VALUES ($1, $2)', [
            index,
            '{"sku": "new"}',
          ]);
          await client.query('UPDATE heartbeat SET at = now() WHERE name = $1', [`instance ${index + 1}`]);
        },
        {pause_ms: 40},
      );
      await stage.loop(
        {role: 'search', application_name: 'search', address: '127.0.0.21'},
        client => client.query("SELECT id FROM orders WHERE payload->>'sku' = $1", [`s${100 + index}`]),
        {pause_ms: 30},
      );
    }
    await stage.until('SELECT count(*) > 20100 FROM audit');
  },
};
