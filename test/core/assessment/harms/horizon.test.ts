import {describe, expect, it} from 'vitest';
import {examineHorizon} from '../../../../source/core/assessment/harms/horizon.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {TableUpkeep, XminHolder} from '../../../../source/model/maintenance.ts';
import type {Backend} from '../../../../source/model/snapshot.ts';
import {createBackend} from '../../../helpers/snapshot.ts';
import {type Course, contextOf, listings} from './courses.ts';

const slot: XminHolder = {
  kind: 'replication slot',
  name: 'standby_berlin',
  description: 'physical, not in use',
  xmin_age: 900_000,
  age_ms: null,
};

const outbox = {
  ...listings,
  name: 'outbox',
  dead_rows: 600_000,
  rows_changed_since_analyze: 0,
  vacuum_age_ms: 30_000,
};

const poll: Course = {query: 'DELETE FROM "outbox" WHERE "id" = $1', per_second: 10, ms_per_call: 50};

const held = (holder: XminHolder, ...tables: TableUpkeep[]): AssessmentFacts => ({
  maintenance: {tables, xmin_holders: [holder]},
});

describe('vacuum held back', () => {
  const examined = (facts: AssessmentFacts, backends?: Backend[]) =>
    examineHorizon(contextOf([poll], {facts, ...(backends && {backends})}));

  it('by a slot: names it with the rows that it keeps, and the recipe that drops it', () => {
    expect(examined(held(slot, outbox))).toMatchObject([
      {
        cause: 'horizon',
        recipe: 'drop-replication-slot',
        params: {slot: 'standby_berlin'},
        summary:
          'replication slot standby_berlin (physical, not in use) holds back vacuum: 600k dead rows of outbox stay',
      },
    ]);
  });

  it('names the statement that reads the dead rows while it still runs; an INSERT reads none', () => {
    const running = (query: string) =>
      [1, 2].map(pid => createBackend({pid, state: 'active', query_age_ms: 6000, query}));
    const facts = held(slot, outbox);
    expect(examined(facts, running('DELETE FROM outbox WHERE id < 7'))).toMatchObject([
      {
        severity: 'critical',
        summary: expect.stringMatching(/; DELETE FROM outbox, which reads them, runs in 2 sessions$/),
        harm: {sessions: 2},
      },
    ]);
    expect(examined(facts, running('INSERT INTO outbox VALUES (1)'))).toMatchObject([
      {severity: 'warning', summary: expect.stringMatching(/rows of outbox stay$/)},
    ]);
  });

  it('by a session: ends it if idle, and says whose it is', () => {
    const session = createBackend({pid: 7, state: 'idle in transaction', application_name: 'psql'});
    const holder: XminHolder = {
      ...slot,
      kind: 'backend',
      name: '7',
      description: 'psql/shop_app',
      age_ms: 720_000,
    };
    expect(examined(held(holder, outbox), [session])).toMatchObject(
      [
        {
          recipe: 'terminate-sessions',
          params: {pid: '7'},
          summary: /^psql\/shop_app \(12m00s\), in one transaction, holds back vacuum/,
        },
      ].map(({summary, ...rest}) => ({...rest, summary: expect.stringMatching(summary)})),
    );
  });

  it.each<[string, XminHolder]>([
    ['a prepared transaction', {...slot, kind: 'prepared transaction', name: 'tx-1', age_ms: 900_000}],
    ['a standby', {...slot, kind: 'standby', name: 'replica-2'}],
  ])('by %s: only advises', (_, holder) => {
    const [finding] = examined(held(holder, outbox));
    expect(finding?.recipe).toBe('horizon');
    expect(finding?.acts?.map(({recipe}) => recipe)).toEqual([null]);
  });

  it.each<[string, Partial<XminHolder>, number | null]>([
    ['the table was never vacuumed', {}, null],
    ['the table was vacuumed before the transaction began', {age_ms: 61_000}, 62_000],
    ['nothing was committed that it may not see', {xmin_age: 1}, 30_000],
    ['a slot, and no vacuum came lately', {kind: 'replication slot', age_ms: null}, 3_600_000],
  ])('is not known where %s', (_, of, vacuum_age_ms) => {
    const holder: XminHolder = {...slot, kind: 'backend', name: '7', age_ms: 720_000, ...of};
    expect(examined(held(holder, {...outbox, vacuum_age_ms}))).toEqual([]);
  });

  it('is no harm without dead rows: a slot is mentioned, a young transaction is not', () => {
    const few = {...outbox, dead_rows: 500};
    expect(examined(held(slot, few))).toMatchObject([{cause: 'horizon'}]);
    expect(examined(held(slot, few))[0]).not.toHaveProperty('harm');
    expect(examined(held({...slot, kind: 'backend', name: '7', age_ms: 2000}, outbox))).toEqual([]);
  });
});
