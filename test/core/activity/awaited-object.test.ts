import {expect, it} from 'vitest';
import {awaitedObject, type LockTag} from '../../../source/core/activity/awaited-object.ts';

const nothing: LockTag = {
  locktype: 'relation',
  database: 'shop',
  is_elsewhere: false,
  relation: null,
  page: null,
  virtualxid: null,
  transactionid: null,
  catalog: null,
  object_name: null,
  classid: null,
  objid: null,
  objsubid: null,
  tables: [],
};
const update = 'UPDATE "Order" SET state = $1';

const cases: [expected: string, tag: Partial<LockTag>, query?: string][] = [
  ['relation public.orders', {relation: 'public.orders'}],
  ['relation 16385 of database crm', {relation: '16385', database: 'crm', is_elsewhere: true}],
  ['extending public.orders', {locktype: 'extend', relation: 'public.orders'}],
  ['page 12 of public.orders', {locktype: 'page', relation: 'public.orders', page: 12}],
  ['row of public.orders', {locktype: 'tuple', relation: 'public.orders'}],
  ['row of public.orders', {locktype: 'transactionid', relation: 'public.orders', transactionid: '7'}],
  [
    'row of public.orders',
    {locktype: 'transactionid', tables: ['public.orders'], transactionid: '7'},
    update,
  ],
  ['row of public."Order"', {locktype: 'transactionid', tables: ['a.b', 'public."Order"']}, update],
  ['row of Order', {locktype: 'transactionid', tables: ['a.b', 'a.c']}, update],
  ['row of Order', {locktype: 'transactionid', transactionid: '7'}, update],
  [
    'transaction 760',
    {locktype: 'transactionid', transactionid: '760', tables: ['a.b', 'a.c']},
    'SELECT f()',
  ],
  [
    'row of Order of database crm',
    {locktype: 'tuple', relation: '16385', database: 'crm', is_elsewhere: true},
    update,
  ],
  ['row of Order', {locktype: 'transactionid', tables: ['16385'], transactionid: '7'}, update],
  ['row of relation 16385', {locktype: 'transactionid', relation: '16385', transactionid: '7'}, 'SELECT f()'],
  ['virtual transaction 3/12 of 77', {locktype: 'virtualxid', virtualxid: '3/12'}],
  ['speculative token', {locktype: 'spectoken'}],
  ['NOTIFY', {locktype: 'object', database: null, catalog: 'pg_database', objid: 0}],
  [
    'database crm',
    {locktype: 'object', database: null, catalog: 'pg_database', objid: 5, object_name: 'crm'},
  ],
  ['schema sales', {locktype: 'object', catalog: 'pg_namespace', objid: 5, object_name: 'sales'}],
  ['object 5 of pg_opclass', {locktype: 'object', catalog: 'pg_opclass', objid: 5}],
  [
    'advisory lock 72707369 (Prisma Migrate)',
    {locktype: 'advisory', classid: 0, objid: 72_707_369, objsubid: 1},
  ],
  ['advisory lock -1', {locktype: 'advisory', classid: 4_294_967_295, objid: 4_294_967_295, objsubid: 1}],
  ['advisory lock (-1, 42)', {locktype: 'advisory', classid: 4_294_967_295, objid: 42, objsubid: 2}],
  [
    'advisory lock 42 of database crm',
    {locktype: 'advisory', classid: 0, objid: 42, objsubid: 1, database: 'crm', is_elsewhere: true},
  ],
];

it.each(cases)('%s', (expected, tag, query) => {
  expect(awaitedObject({...nothing, ...tag}, {holder: 77, query: query ?? null})).toBe(expected);
});
