import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {readBehindGate} from '../../../source/postgres/reach/behind-gate.ts';
import {describePgBouncer, startPgBouncer} from '../../helpers/pgbouncer.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection} from '../requests.ts';
import {watch} from '../watching.ts';

const settings = {
  text: `SELECT current_setting('default_transaction_read_only') AS read_only, current_setting('search_path') AS path`,
  values: [],
};
/** An allowed function: the setting that it changes must still be reverted. */
const opening = {
  text: `SELECT set_config('default_transaction_read_only', 'off', false), set_config('search_path', 'public', false)`,
  values: [],
  functions: ['pg_catalog.set_config'],
};

describeEachMajor('readBehindGate', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE SEQUENCE numbers');
  });
  afterAll(() => server?.stop());

  async function watching() {
    const connection = await watch(server.url());
    onTestFinished(() => connection.close());
    return connection.rawClient;
  }

  it('reverts what a query sets for the session', async () => {
    const client = await watching();
    await readBehindGate(client, opening);
    expect((await client.query(settings)).rows).toEqual([{read_only: 'on', path: 'pg_catalog'}]);
    const write = client.query("SELECT nextval('public.numbers')");
    expect(await rejection(write)).toMatchObject({code: '25006'});
  });

  it('ends its transaction after a failed query, without affecting others', async () => {
    const client = await watching();
    const [failed, ...others] = await Promise.allSettled([
      readBehindGate(client, {text: 'SELECT 1 / $1::int', values: [0]}),
      client.query('SELECT 1'),
      readBehindGate(client, {text: 'SELECT 1 AS one', values: []}),
    ]);
    expect(failed).toMatchObject({status: 'rejected', reason: {code: '22012'}});
    expect(others.map(({status}) => status)).toEqual(['fulfilled', 'fulfilled']);
  });

  /** A string to the parser, but a function call to a server with standard_conforming_strings = off. */
  const ambiguous = {
    text: String.raw`SELECT '\' AS one, ', pg_advisory_lock_shared(666)::text AS two --' AS three`,
    values: [],
  };

  it('reads string literals as the parser does, whatever standard_conforming_strings is', async () => {
    await server.query('CREATE DATABASE escaping');
    await server.query('ALTER DATABASE escaping SET standard_conforming_strings = off');
    const owner = await server.connect({database: 'escaping'});
    expect((await owner.query(ambiguous.text)).fields).toHaveLength(2);
    await owner.end();
    const connection = await watch(server.url({database: 'escaping'}));
    onTestFinished(() => connection.close());
    expect(await readBehindGate(connection.rawClient, ambiguous)).toEqual([
      {one: '\\', three: ', pg_advisory_lock_shared(666)::text AS two --'},
    ]);
  });

  describePgBouncer('behind PgBouncer', () => {
    it('leaves nothing in the sessions it is assigned', async () => {
      const pooler = await startPgBouncer({server, pool_mode: 'transaction'});
      const connection = await watch(pooler.url());
      await readBehindGate(connection.rawClient, opening);
      const {rows} = await connection.rawClient.query(settings);
      expect(rows).toEqual([{read_only: 'off', path: '"$user", public'}]);
      await connection.close();
      await pooler.stop();
    });
  });
});
