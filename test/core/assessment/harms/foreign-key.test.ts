import {expect, it} from 'vitest';
import {examineForeignKeys} from '../../../../source/core/assessment/harms/foreign-key.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {Backend} from '../../../../source/model/snapshot.ts';
import {contextOf, reading} from './jams.ts';

const facts: AssessmentFacts = {
  foreign_keys: [
    {
      name: 'orders_user_id_fkey',
      schema: 'public',
      table: 'orders',
      columns: ['user_id'],
      rows: 90_000,
      references_schema: 'public',
      references_table: 'users',
      references_columns: ['id'],
      deleted_with: [],
    },
  ],
};
const deleting = (of: Partial<Backend> = {}): Partial<Backend> => ({
  state: 'active',
  wait_event_type: null,
  query: 'DELETE FROM "public"."users" WHERE id < $1',
  query_age_ms: 8000,
  ...of,
});
const examine = (sessions: Record<number, Partial<Backend>>, waits: Parameters<typeof reading>[1] = []) =>
  examineForeignKeys(contextOf(reading(sessions, waits), facts));

it('is one finding for all deletions that scan one table, with the index to build', () => {
  expect(examine({1: deleting(), 2: deleting({query_age_ms: 12_000})})).toMatchObject([
    {
      recipe: 'apply-indexes',
      cause: 'foreign-key',
      severity: 'warning',
      summary:
        'DELETE FROM public.users (shop/shop_app, 12s) scans orders (90k rows) for each deleted row of users: no index on (user_id)',
      params: {table: 'public.orders'},
      harm: {kind: 'slow', sessions: 2, since: '2026-01-01T00:00:48.000Z'},
      explains: expect.arrayContaining(['backend:1', 'backend:2', 'indexes:missing']),
    },
  ]);
});

it.each([
  'UPDATE "public"."users" SET "name" = $1, "id" = $2 WHERE "id" = $3',
  'update users set (name, ID) = ($1, $2)',
])('is one for an update of the key: %s', query => {
  expect(examine({1: deleting({query})})).toMatchObject([
    {
      cause: 'foreign-key',
      summary: expect.stringMatching(
        /^UPDATE \S*users .* scans orders \(90k rows\) for each changed key of users: no/,
      ),
      explains: expect.arrayContaining(['index:public.orders_user_id_idx']),
    },
  ]);
});

it.each<[string, Partial<Backend>]>([
  ['an update of other columns', deleting({query: 'UPDATE users SET name = $1, email = id WHERE id = $2'})],
  ['an update that names the key in a value', deleting({query: "UPDATE users SET name = 'x, id = 1'"})],
  ['a short one', deleting({query_age_ms: 100})],
  ['another table', deleting({query: 'DELETE FROM orders'})],
  ['one that waits for a lock itself', deleting({wait_event_type: 'Lock'})],
])('leaves out %s', (_, session) => {
  expect(examine({1: session})).toEqual([]);
});

it('leaves one that blocks others to the examination of waits', () => {
  expect(examine({1: deleting(), 2: {}}, [{pid: 2, blocked_by: [1]}])).toEqual([]);
});
