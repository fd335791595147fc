import {describe, expect, it} from 'vitest';
import type {Context} from '../../../../source/core/assessment/context.ts';
import {examineFailing} from '../../../../source/core/assessment/harms/failing.ts';
import {examineUncounted} from '../../../../source/core/assessment/harms/failing-uncounted.ts';
import {examineUnplanned} from '../../../../source/core/assessment/harms/failing-unplanned.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {Obstacles} from '../../../../source/model/server-facts.ts';
import {createStatement} from '../../../helpers/snapshot.ts';
import {counted, failing, insert, session} from './failing-readings.ts';
import {contextOf, type Reading} from './readings.ts';

const none: Obstacles = {privileges: [], dropped_columns: [], required_columns: []};
const sequence = {
  role: 'shop_app',
  kind: 'sequence',
  schema: 'public',
  name: 'readings_id_seq',
  table: 'readings',
  table_schema: 'public',
  column: 'id',
  is_only_name: true,
} as const;
const table = {
  ...sequence,
  kind: 'table',
  name: 'readings',
  table: null,
  table_schema: null,
  column: null,
} as const;
const column = {schema: 'public', table: 'readings', name: 'sensor', is_only_name: true};
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
    ['a sequence of a table of another schema', {privileges: [{...sequence, table_schema: 'archive'}]}],
    ['a sequence of a column that it names', {privileges: [{...sequence, column: 'value'}]}],
    ['a column that it has', {required_columns: [{...column, name: 'value'}]}],
    ['a column of another table', {required_columns: [{...column, table: 'alerts'}]}],
  ])('is not explained by %s', (_, obstacles) => {
    expect(examine(silent, obstacles)).toEqual([]);
  });

  const all = {privileges: [table, sequence], required_columns: [column]};
  const shared = {is_only_name: false};
  const ambiguous = {
    privileges: [
      {...table, ...shared},
      {...sequence, ...shared},
    ],
    required_columns: [{...column, ...shared}],
  };
  it.each<[string, Partial<Obstacles>, string | undefined]>([
    ['INSERT INTO readings (value) VALUES ($1)', all, 'missing-privilege'],
    ['INSERT INTO readings (value) VALUES ($1)', {required_columns: [column]}, 'required-column'],
    ['/* web */ INSERT INTO readings (value) VALUES ($1)', {privileges: [sequence]}, 'missing-privilege'],
    ['INSERT INTO readings (value) VALUES ($1)', ambiguous, undefined],
    ['INSERT INTO public.readings (value) VALUES ($1)', ambiguous, 'missing-privilege'],
    ['INSERT INTO archive.readings (value) VALUES ($1)', all, undefined],
    ['INSERT INTO readings VALUES ($1)', {...all, privileges: [sequence]}, undefined],
    ['WITH gone AS (DELETE FROM jobs) INSERT INTO readings (value) VALUES ($1)', all, undefined],
    ['WITH readings AS (SELECT 1) SELECT * FROM readings', all, undefined],
    ['SELECT extract(year FROM readings) FROM days', all, undefined],
    ['SELECT * FROM days JOIN readings ON true', all, 'missing-privilege'],
  ])('%s is explained by what is its own only', (query, obstacles, cause) => {
    const reading = (index: number): Reading => ({
      ...silent(index),
      backends: [session(1, query), session(2, query)],
    });
    const found = examine(reading, obstacles).filter(each => each.cause !== 'failing-statement');
    expect(found.map(each => each.cause)).toEqual(cause === undefined ? [] : [cause]);
  });

  it('is not blamed for the rollbacks that an application asks for', () => {
    const asked = (index: number): Reading => ({
      ...failing(index),
      backends: [session(1, insert), session(2, insert), session(3, 'ROLLBACK', {query_id: '5'})],
      statements: [
        ...counted(index),
        createStatement({queryid: '5', dbid: '16384', query: 'ROLLBACK', calls: 1000 + index * 79}),
      ],
    });
    const [finding] = examine(asked, {privileges: [sequence]});
    expect(finding).toMatchObject({severity: 'warning', cause: 'missing-privilege'});
    expect(finding?.summary).toMatch(/^ingest\/shop_app: INSERT/);
    const [early] = examine(asked, {privileges: [sequence]}, 3);
    expect(early?.cause).not.toBe('missing-privilege');
  });

  it('is not certain where more statements are counted than were read', () => {
    const many = (index: number): Reading => ({...failing(index), info: {entries: 5000}});
    expect(examine(many, all).filter(each => each.cause === 'missing-privilege')).toEqual([]);
  });

  it('is named with the act for each other cause', () => {
    const other = 'INSERT INTO alerts (text) VALUES ($1)';
    const both = (index: number): Reading => ({
      ...silent(index),
      backends: [session(1, insert), session(2, insert), session(3, other, {query_id: '78'})],
    });
    const alerts = {...table, name: 'alerts'};
    expect(examine(both, {privileges: [sequence, alerts]})).toMatchObject([
      {
        summary: expect.stringMatching(/\(42501\); 1 other statement fails, too$/),
        acts: [
          {title: 'GRANT USAGE ON SEQUENCE "public"."readings_id_seq" TO "shop_app"'},
          {},
          {title: 'GRANT SELECT, INSERT, UPDATE, DELETE ON "public"."alerts" TO "shop_app"'},
        ],
      },
    ]);
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
  const unplanned = (obstacles: Partial<Obstacles>, facts: AssessmentFacts = {}): Context =>
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
      {obstacles: {...none, ...obstacles}, ...facts},
    );

  const dropped = {schema: 'public', table: 'readings', is_only_name: true, xmin_age: 40};
  const setting_overrides = [{name: 'search_path', value: 'v2', role: 'shop_app', database: null}];

  it('name a column that is gone, and which clients do not', () => {
    const dropped_columns = [dropped];
    expect(examineUnplanned(unplanned({dropped_columns}))).toMatchObject([
      {
        cause: 'dropped-column',
        confidence: 'possible',
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
    const schema = {...table, kind: 'schema', name: 'public'} as const;
    expect(examineUnplanned(unplanned({privileges: [schema]}, {setting_overrides}))).toMatchObject([
      {
        cause: 'missing-privilege',
        summary: expect.stringMatching(/: role shop_app may not use schema public \(42501\)$/),
        acts: [{title: 'GRANT USAGE ON SCHEMA "public" TO "shop_app"'}, {recipe: null}],
      },
    ]);
  });

  it('name the search_path of the role rather than a column', () => {
    expect(examineUnplanned(unplanned({dropped_columns: [dropped]}, {setting_overrides}))).toMatchObject([
      {cause: 'search-path', confidence: 'possible', recipe: 'reset-role-setting'},
    ]);
  });

  it.each<[string, Partial<Obstacles>]>([
    ['long ago', {dropped_columns: [{...dropped, xmin_age: 2_000_000}]}],
    ['of another table', {dropped_columns: [{...dropped, table: 'alerts'}]}],
    ['of a table of another schema', {dropped_columns: [{...dropped, schema: 'archive'}]}],
    ['of another role', {privileges: [{...table, kind: 'schema', name: 'public', role: 'other'}]}],
  ])('are not explained by what is gone %s', (_, obstacles) => {
    expect(examineUnplanned(unplanned(obstacles))).toMatchObject([{cause: 'unplanned-statement'}]);
  });
});
