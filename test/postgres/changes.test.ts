import {afterAll, beforeAll, expect, it} from 'vitest';
import {loadRecipeData} from '../../source/cli/recipe-data.ts';
import {statementKey} from '../../source/core/activity/rates.ts';
import {createAssessor} from '../../source/core/assessment/assess.ts';
import {loadDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import type {LoggedChange} from '../../source/model/change-log.ts';
import type {Connection} from '../../source/postgres/connect/connect.ts';
import type {Reader} from '../../source/postgres/sampler/reader.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../helpers/server.ts';
import {everything, openReader, until, watch} from './watching.ts';

describeEachMajor('what a deploy changes', major => {
  let server: TestServer;
  let connection: Connection;
  let reader: Reader;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {shared_preload_libraries: 'pg_stat_statements'}});
    await server.query('CREATE EXTENSION pg_stat_statements');
    await server.query('CREATE TABLE orders (id int PRIMARY KEY, note text)');
    await server.query("CREATE ROLE web LOGIN PASSWORD 'secret'");
    await server.query('GRANT ALL ON orders TO web');
    connection = await watch(server.url());
    reader = await openReader(connection);
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  it('is seen in each part, with the time at which it happened', async () => {
    const assessor = createAssessor([]);
    const seen = new Map<string, LoggedChange>();
    let texts: string[] = [];
    /** One reading with the facts; the changes that it shows. */
    async function look(): Promise<void> {
      const snapshot = await reader.read({...everything, statements: {numbers: true, texts}});
      const data = await loadDiagnosisData([], needs => loadRecipeData(connection, needs));
      for (const change of assessor.assess(snapshot, data).changes) seen.set(String(change.id), change);
      texts = reader.missingTexts(snapshot.statements.map(statementKey));
    }
    const clock = async () => {
      const [row] = await server.query<{now: string}>(
        'SELECT to_char(clock_timestamp() AT TIME ZONE \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\') AS now',
      );
      return row?.now ?? '';
    };
    await look();
    await look();
    expect([...seen.values()].map(({what}) => what)).toEqual([]);

    const before = await clock();
    await server.query('ALTER TABLE orders ADD COLUMN total int');
    await server.query("ALTER ROLE web SET work_mem = '64MB'");
    await server.query("ALTER SYSTEM SET log_min_duration_statement = '250ms'");
    await server.query('SELECT pg_reload_conf()');
    const clients = await Promise.all(
      Array.from({length: 4}, () =>
        server.connect({user: 'web', password: 'secret', application_name: 'web v2'}),
      ),
    );
    await clients[0]?.query('UPDATE orders SET total = 1 WHERE id = 7');
    const after = await clock();
    const expected = [
      /^ALTER TABLE orders by \S+ ran$/,
      /^work_mem for role web was set: not set -> 64MB$/,
      /^log_min_duration_statement was set: default -> 250 ms$/,
      /^web v2\/web connected from .+: 0 -> 4 sessions$/,
      /^UPDATE orders by web is new: 1 call$/,
    ];
    const found = await until(async () => {
      await look();
      const all = expected.map(pattern => [...seen.values()].find(({what}) => pattern.test(what)));
      return all.every(each => each !== undefined) && (all as LoggedChange[]);
    });
    const last = await clock();
    for (const {at, what} of found) {
      expect(at >= before, `${what} at ${at}, from ${before}`).toBe(true);
      expect(at <= last, `${what} at ${at}, until ${last}`).toBe(true);
    }
    // These have a time of their own, entries of statements since PostgreSQL 17; settings are as old as the reading that showed them.
    const exact = major >= 17 ? [found[0], found[3], found[4]] : [found[3]];
    for (const {at, what} of exact as LoggedChange[])
      expect(at <= after, `${what} at ${at}, until ${after}`).toBe(true);
    await Promise.all(clients.map(client => client.end()));
    await until(async () => {
      await look();
      return [...seen.values()].some(({what}) => /^web v2\/web disconnected.*: 4 -> 0 sessions$/.test(what));
    });
    expect([...seen.values()].filter(({what}) => what.includes('poolctl'))).toEqual([]);
  });
});
