import {describe, expect, it} from 'vitest';
import type {Context} from '../../../../source/core/assessment/context.ts';
import {examineFailing} from '../../../../source/core/assessment/harms/failing.ts';
import {examineUncounted} from '../../../../source/core/assessment/harms/failing-uncounted.ts';
import {examineUnplanned} from '../../../../source/core/assessment/harms/failing-unplanned.ts';
import type {Obstacles} from '../../../../source/model/server-facts.ts';
import {counted, failing, insert, session} from './failing-readings.ts';
import {contextOf, type Reading} from './readings.ts';

const none: Obstacles = {privileges: [], dropped_columns: [], required_columns: []};
const sequence = {
  role: 'shop_app',
  kind: 'sequence',
  schema: 'public',
  name: 'readings_id_seq',
  table: 'readings',
} as const;
const table = {role: 'shop_app', kind: 'table', schema: 'public', name: 'readings', table: null} as const;
const column = {schema: 'public', table: 'readings', name: 'sensor'};
const silent = (index: number): Reading => ({
  ...failing(index),
  database: {xact_rollback: 0, xact_commit: 1000 + index},
});

const examine = (reading: (index: number) => Reading, obstacles: Partial<Obstacles>, count = 8) => {
  const context = contextOf(count, reading, {obstacles: {...none, ...obstacles}});
  return [...examineFailing(context), ...examineUncounted(context)];
};

describe('a statement that the catalog does not let complete', () => {
  it.each<[string, Partial<Obstacles>, object]>([
    [
      'needs a sequence that its role may not use',
      {privileges: [sequence]},
      {
        cause: 'missing-privilege',
        summary: expect.stringMatching(
          /INSERT INTO public\.readings fails: role shop_app may not use the sequence "public"\."readings_id_seq" \(42501\)$/,
        ),
        acts: [
          {recipe: null, title: 'GRANT USAGE ON SEQUENCE "public"."readings_id_seq" TO "shop_app"'},
          {recipe: null},
        ],
      },
    ],
    [
      'needs a table that its role may not use',
      {privileges: [table]},
      {
        cause: 'missing-privilege',
        summary: expect.stringMatching(/role shop_app may not use the table "public"\."readings" \(42501\)$/),
        acts: [
          {title: 'GRANT SELECT, INSERT, UPDATE, DELETE ON "public"."readings" TO "shop_app"'},
          {recipe: null},
        ],
      },
    ],
    [
      'leaves out a column that must have a value',
      {required_columns: [column, {...column, name: 'value'}]},
      {
        cause: 'required-column',
        summary: expect.stringMatching(
          /INSERT INTO public\.readings fails: it leaves out sensor, which is NOT NULL and has no default \(23502\)$/,
        ),
      },
    ],
  ])('%s, whether the server counts the rollbacks or not', (_, obstacles, expected) => {
    const common = {severity: 'critical', subject: 'application:ingest/role:shop_app', ...expected};
    expect(examine(failing, obstacles)).toMatchObject([common]);
    expect(examine(silent, obstacles)).toMatchObject([common]);
    expect(examine(silent, obstacles)[0]?.summary).toMatch(/^ingest\/shop_app: INSERT/);
  });

  it.each<[string, Partial<Obstacles>]>([
    ['another role', {privileges: [{...sequence, role: 'other'}]}],
    ['a sequence of another table', {privileges: [{...sequence, table: 'alerts'}]}],
    ['a table of another schema', {privileges: [{...table, schema: 'archive'}]}],
    ['a column that it has', {required_columns: [{...column, name: 'value'}]}],
    ['a column of another table', {required_columns: [{...column, table: 'alerts'}]}],
  ])('is not explained by %s', (_, obstacles) => {
    expect(examine(silent, obstacles)).toEqual([]);
  });

  it('is no finding while it completes', () => {
    const works = (index: number): Reading => ({
      ...silent(index),
      statements: [{...counted(index)[0], queryid: '77'} as ReturnType<typeof counted>[0]],
    });
    expect(examine(works, {privileges: [sequence], required_columns: [column]})).toEqual([]);
  });
});

describe('statements that fail before they are planned', () => {
  const unplanned = (obstacles: Partial<Obstacles>): Context =>
    contextOf(
      8,
      () => ({
        backends: [
          session(1, insert, {query_id: null, client_addr: '10.0.0.1'}),
          session(2, insert, {query_id: null, client_addr: '10.0.0.1'}),
          session(3, 'SELECT 1', {client_addr: '10.0.0.2'}),
        ],
        target: {server_version_num: 180_004},
      }),
      {obstacles: {...none, ...obstacles}},
    );

  it('name a column that is gone, and which clients do not', () => {
    const dropped_columns = [{schema: 'public', table: 'readings', xmin_age: 40}];
    expect(examineUnplanned(unplanned({dropped_columns}))).toMatchObject([
      {
        cause: 'dropped-column',
        summary: expect.stringMatching(
          /last in 2 of 3 sessions\): a column of readings was dropped 40 transactions ago, which they may still name \(42703\)$/,
        ),
        reasons: [
          expect.any(String),
          expect.any(String),
          'Failing: 10.0.0.1; working: 10.0.0.2. They may be of two releases.',
        ],
      },
    ]);
  });

  it('name a schema that the role may not use', () => {
    const schema = {role: 'shop_app', kind: 'schema', schema: 'public', name: 'public', table: null} as const;
    expect(examineUnplanned(unplanned({privileges: [schema]}))).toMatchObject([
      {
        cause: 'missing-privilege',
        summary: expect.stringMatching(/: role shop_app may not use schema public \(42501\)$/),
        acts: [{title: 'GRANT USAGE ON SCHEMA "public" TO "shop_app"'}, {recipe: null}],
      },
    ]);
  });

  it.each<[string, Partial<Obstacles>]>([
    ['long ago', {dropped_columns: [{schema: 'public', table: 'readings', xmin_age: 2_000_000}]}],
    ['of another table', {dropped_columns: [{schema: 'public', table: 'alerts', xmin_age: 40}]}],
    ['of another role', {privileges: [{...table, kind: 'schema', name: 'public', role: 'other'}]}],
  ])('are not explained by what is gone %s', (_, obstacles) => {
    expect(examineUnplanned(unplanned(obstacles))).toMatchObject([{cause: 'unplanned-statement'}]);
  });
});
