import {describe, expect, it} from 'vitest';
import type {Context} from '../../../../source/core/assessment/context.ts';
import {examineWaiting} from '../../../../source/core/assessment/harms/waiting.ts';
import type {Backend} from '../../../../source/model/snapshot.ts';
import {contextOf, reading} from './jams.ts';

const report = {application_name: 'nightly', usename: 'analyst', query: 'SELECT sum(n) FROM orders'};
const deploy = {
  application_name: 'deploy',
  usename: 'migrator',
  query: 'ALTER TABLE "orders" ADD COLUMN n int',
};

type Course = {
  queries?: string[];
  table?: string;
  readers?: number;
  isHolder?: boolean;
  holder?: Partial<Backend> | null;
};

/** One reading a second: `w` while the schema change waits and the readers behind it, `.` while nothing waits. */
function course(
  text: string,
  {
    queries = [deploy.query],
    table = 'public.orders',
    readers = 12,
    isHolder = false,
    holder = {},
  }: Course = {},
): Context {
  return contextOf(
    [...text].map((sign, second) => {
      const waits = sign === 'w';
      const begun = second - text.lastIndexOf('.', second) - 1;
      const age_ms = 500 + 1000 * begun;
      const others = Array.from({length: readers}, (_, index) => index + 10);
      const sessions = {
        ...(holder !== null && {
          1: {...report, state: 'active' as const, query_age_ms: 1e5, xact_age_ms: 1e5, ...holder},
        }),
        2: {
          ...deploy,
          query: queries[text.slice(0, second).split('.').length - 1] ?? queries[0] ?? null,
          state: waits ? ('active' as const) : ('idle' as const),
          query_age_ms: age_ms,
          xact_age_ms: age_ms,
        },
        ...Object.fromEntries(others.map(pid => [pid, {query: 'SELECT n FROM orders'}])),
      };
      const wait = {
        locktype: 'relation',
        object: `relation ${table}`,
        relation: table,
        wait_age_ms: age_ms,
      };
      const queue = others.map(pid => ({...wait, pid, blocked_by: [2], mode: 'AccessShareLock'}));
      const own = {...wait, pid: 2, blocked_by: [1], mode: 'AccessExclusiveLock'};
      return reading(sessions, waits ? [...(isHolder ? [] : [own]), ...queue] : []);
    }),
  );
}

describe('a schema change that gives up and is tried again', () => {
  const expected = {
    cause: 'lock-queue',
    severity: 'critical',
    subject: 'backend:2',
    acts: [
      {
        recipe: null,
        title: expect.stringMatching(/^stop what tries ALTER TABLE orders again \(deploy\/migrator\)/),
      },
      {
        recipe: 'release-blockers',
        params: {pid: '1'},
        frees: 'ALTER TABLE orders succeeds at its next attempt',
      },
    ],
  };

  it.each([
    ['while it waits', 'ww.ww.ww'],
    ['between two attempts, while nothing waits', 'ww.ww.ww.'],
  ])('is one finding %s', (_, text) => {
    expect(examineWaiting(course(text))).toMatchObject([
      {
        ...expected,
        summary: expect.stringMatching(
          /^ALTER TABLE orders \(deploy\/migrator\) is tried again and again, 3 times in 6s: each attempt waits behind a SELECT \(nightly\/analyst, 1m40s\), and 12 sessions queue behind it$/,
        ),
      },
    ]);
  });

  it.each([
    ['quotes', 'ALTER TABLE "Shop"."Order" ADD n int', '"Shop"."Order"'],
    ['no schema', 'ALTER TABLE orders ADD n int', 'public.orders'],
    ['a long name', `ALTER TABLE ${'t'.repeat(50)} ADD n int`, `public.${'t'.repeat(50)}`],
    [
      'a long name with its schema',
      `ALTER TABLE warehouse.${'t'.repeat(50)} ADD n int`,
      `warehouse.${'t'.repeat(50)}`,
    ],
  ])('is found for a table with %s', (_, query, table) => {
    expect(examineWaiting(course('ww.ww.', {queries: [query], table}))).toMatchObject([
      {cause: 'lock-queue', confidence: 'certain', acts: [{recipe: null}, {params: {pid: '1'}}]},
    ]);
  });

  it('is likely while it is hidden since when the holder has been there', () => {
    expect(examineWaiting(course('ww.ww', {holder: {xact_age_ms: null}}))).toMatchObject([
      {confidence: 'likely', summary: expect.stringContaining('is tried again and again, 2 times')},
    ]);
  });

  it.each<[string, string, Course]>([
    ['it was tried once', 'ww.', {}],
    ['the last attempt is long ago', 'ww.ww.......', {}],
    ['what it waited for is gone', 'ww.ww.', {holder: null}],
    ['what it waited for has no transaction any more', 'ww.ww.', {holder: {xact_age_ms: null}}],
    ['it is in another transaction than while it was waited for', 'ww.ww.', {holder: {xact_age_ms: 900}}],
    ['it was tried once since what it waits for began', 'ww.ww.', {holder: {xact_age_ms: 2500}}],
    [
      'each attempt is another change',
      'ww.ww.',
      {queries: [deploy.query, 'ALTER TABLE orders DROP COLUMN m']},
    ],
    ['it is on the table of another schema', 'ww.ww.', {queries: ['ALTER TABLE archive.orders ADD n int']}],
    ['few sessions queue behind it', 'ww.ww.', {readers: 2}],
    ['it holds the table itself, each time for a moment', 'ww.ww.', {isHolder: true}],
  ])('is none if %s', (_, text, of) => {
    expect(examineWaiting(course(text, of))).toEqual([]);
  });
});
