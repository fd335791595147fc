import {expect, it} from 'vitest';
import {assessmentFacts} from '../../../source/core/assessment/facts.ts';
import {createCatalog, createForeignKey, createTable} from '../../helpers/catalog.ts';

it('follows ON DELETE CASCADE to the tables whose deletions scan a foreign key', () => {
  const key = (table: string, referenced_table: string, is_cascading: boolean) =>
    createForeignKey({name: `${table}_fkey`, table, table_oid: table, referenced_table, is_cascading});
  const {foreign_keys} = assessmentFacts({
    catalog: createCatalog({
      indexes: [],
      tables: [createTable({oid: 'activities', name: 'activities', estimated_rows: 650_000})],
      foreign_keys: [
        key('activities', 'contacts', false),
        key('contacts', 'accounts', true),
        key('accounts', 'tenants', true),
        // A table that refers to itself, and a reference that does not delete.
        key('accounts', 'accounts', true),
        key('contacts', 'users', false),
      ],
    }),
  });
  expect(foreign_keys).toMatchObject([
    {table: 'activities', references_table: 'contacts', deleted_with: ['public.accounts', 'public.tenants']},
  ]);
});
