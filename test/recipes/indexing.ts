import type pg from 'pg';
import {onTestFinished} from 'vitest';
import type {IndexProposal} from '../../source/model/index-advice.ts';
import type {Acting} from '../cli/execution/acting.ts';
import {createProposal} from '../helpers/catalog.ts';
import type {TestServer} from '../helpers/server.ts';

/** `shop.orders`: `rows` of them, a foreign key to `shop.users` that has no index. */
export async function createOrders(server: TestServer, rows: number): Promise<void> {
  await server.query('CREATE SCHEMA IF NOT EXISTS shop');
  await server.query('DROP TABLE IF EXISTS shop.orders, shop.users');
  await server.query('CREATE TABLE shop.users (id int PRIMARY KEY)');
  await server.query('INSERT INTO shop.users SELECT generate_series(0, 999)');
  await server.query(
    'CREATE TABLE shop.orders (id int PRIMARY KEY, user_id int NOT NULL REFERENCES shop.users, status text, n int)',
  );
  await server.query(
    `INSERT INTO shop.orders SELECT i, i % 1000, 'status ' || i % 5, i FROM generate_series(1, ${rows}) i`,
  );
  await server.query('ANALYZE shop.orders, shop.users');
}

/** A proposed index on `shop.orders`. */
export async function proposalFor(
  server: TestServer,
  expression: string,
  overrides: Partial<IndexProposal> = {},
): Promise<IndexProposal> {
  const rows = await server.query<{oid: string}>("SELECT 'shop.orders'::regclass::oid::text AS oid");
  const name = overrides.name ?? `orders_${expression.replaceAll(/\W/g, '')}_idx`;
  return createProposal({
    schema: 'shop',
    table_oid: rows[0]?.oid ?? '',
    name,
    columns: [{expression}],
    ...overrides,
  });
}

/** Reads every fact from the server except the proposals, which the test supplies. */
export function advise(acting: Acting, proposals: IndexProposal[]): void {
  const {load: gather} = acting.ports;
  acting.ports.load = async ({index_advice, ...needs}) => ({
    ...(await gather(needs)),
    ...(index_advice !== undefined && {index_advice: {proposals, skipped: [], planner: 'none' as const}}),
  });
}

/** A transaction that has written to `shop.orders` and stays open: a build waits for it. */
export async function holdUp(server: TestServer): Promise<pg.Client & {processID: number}> {
  const client = await server.connect({application_name: 'holder'});
  // A test that fails must not hold up the next one.
  onTestFinished(() => client.end());
  await client.query('BEGIN');
  await client.query("UPDATE shop.orders SET status = 'held' WHERE id = 1");
  return client as pg.Client & {processID: number};
}

export async function indexNamed(
  server: TestServer,
  name: string,
): Promise<{is_valid: boolean; definition: string} | undefined> {
  const rows = await server.query<{is_valid: boolean; definition: string}>(
    'SELECT indisvalid AS is_valid, pg_get_indexdef(indexrelid) AS definition FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE relname = $1',
    [name],
  );
  return rows[0];
}

/** The phase of the build on the server now. */
export async function buildPhase(server: TestServer): Promise<string | undefined> {
  const rows = await server.query<{phase: string}>('SELECT phase FROM pg_stat_progress_create_index');
  return rows[0]?.phase;
}
