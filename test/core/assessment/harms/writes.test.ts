import {describe, expect, it} from 'vitest';
import {examineWrites} from '../../../../source/core/assessment/harms/writes.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {SequenceUse} from '../../../../source/model/server-facts.ts';
import {createBackend} from '../../../helpers/snapshot.ts';
import {contextOf, createSequence, createWal, createWriteState, type Reading} from './readings.ts';
import {inserting, slot, still, waiting} from './writes-readings.ts';

describe('examineWrites', () => {
  it('says that the server is read-only before a write fails', () => {
    const write_state = createWriteState({
      default_read_only: true,
      read_only_source: '/data/postgresql.auto.conf',
    });
    expect(examineWrites(contextOf(1, still, {write_state}))).toMatchObject([
      {
        cause: 'read-only-server',
        severity: 'warning',
        summary:
          'the server takes no writes: default_transaction_read_only is on (postgresql.auto.conf); only sessions that turn it off write',
        harm: {kind: 'writes'},
        acts: [{recipe: null, title: expect.stringContaining('ALTER SYSTEM RESET')}],
      },
    ]);
  });

  it.each<[string, AssessmentFacts, (index: number) => Reading, string, string, RegExp]>([
    [
      'a full column',
      {sequences: [createSequence()]},
      still,
      'full-column',
      'warning',
      /^readings\.id \(integer\) cannot take its sequence's next value 2147483648: the next INSERT fails; alerts\.reading_id refers/,
    ],
    [
      'a bigint column under an integer sequence',
      {
        sequences: [
          createSequence({column_max: '9223372036854775807', max_value: '2147483647', referring: []}),
        ],
      },
      still,
      'full-column',
      'warning',
      /^sequence readings_id_seq has no value left/,
    ],
    [
      'only a referring column is full',
      {sequences: [createSequence({column_max: '9223372036854775807'})]},
      still,
      'full-column',
      'warning',
      /^alerts\.reading_id \(integer\) cannot take the next value 2147483648 of readings\.id/,
    ],
    [
      'a date',
      {sequences: [createSequence({last_value: '2100000000', used_ratio: 0.978})]},
      inserting,
      'full-column',
      'warning',
      /97\.8% of its values .*full in 5 days at the rate of the last 29 s/,
    ],
    [
      'a near date',
      {sequences: [createSequence({last_value: '2147000000', used_ratio: 0.9997})]},
      inserting,
      'full-column',
      'critical',
      /full in 1 h/,
    ],
    [
      'no rate',
      {sequences: [createSequence({last_value: '2100000000', used_ratio: 0.978})]},
      still,
      'full-column',
      'warning',
      /its rate is not known/,
    ],
    [
      'few ids',
      {write_state: createWriteState({xids_left: 30_000_000})},
      still,
      'wraparound',
      'warning',
      /30M transaction ids are left/,
    ],
    [
      'no ids',
      {write_state: createWriteState({multixacts_left: -5})},
      still,
      'wraparound',
      'critical',
      /takes no writes: no multixacts/,
    ],
    [
      'commits that wait',
      {write_state: createWriteState({synchronous_standby_names: 's1'})},
      () => ({backends: waiting}),
      'sync-standby-missing',
      'critical',
      /^every commit waits for a standby/,
    ],
    [
      'the NOTIFY queue',
      {write_state: createWriteState({notify_queue_ratio: 0.6})},
      still,
      'notify-queue',
      'warning',
      /60% full/,
    ],
    [
      'an archiver that fails',
      {
        write_state: createWriteState({
          archive: {failed_count: 5, last_failed_at: '2026-01-01T13:04:00Z', last_archived_at: null},
        }),
      },
      still,
      'archive-failing',
      'warning',
      /archiving WAL fails/,
    ],
    [
      'a slot near its cap',
      {replication: {slots: [slot], standbys: []}},
      still,
      'slot-wal',
      'warning',
      /^logical slot cdc \(inactive\)/,
    ],
    [
      'a slot without a cap, which fills the disk',
      {replication: {slots: [{...slot, safe_wal_bytes: null, retained_bytes: 12 * 2 ** 30}], standbys: []}},
      still,
      'slot-wal',
      'warning',
      /retains 12G of WAL and keeps growing until the disk is full$/,
    ],
  ])('%s', (_, facts, reading, cause, severity, summary) => {
    expect(examineWrites(contextOf(30, reading, facts))).toMatchObject([
      {cause, severity, summary: expect.stringMatching(summary), harm: {share: 1}},
    ]);
  });

  it('is silent about a slot without a cap that is in use, and about one that retains little', () => {
    const uncapped = {...slot, safe_wal_bytes: null, retained_bytes: 12 * 2 ** 30};
    const slots = [
      {...uncapped, is_active: true},
      {...uncapped, retained_bytes: 2 ** 30},
      {...uncapped, is_temporary: true},
      // A copy of the primary's for a failover, on a standby.
      {...uncapped, is_synced: true},
      {...slot, wal_status: 'unreserved', is_synced: true},
    ];
    expect(examineWrites(contextOf(3, still, {replication: {slots, standbys: []}}))).toEqual([]);
  });

  it('dates the loss of a slot and the end of ids by what was measured', () => {
    const rates = {
      interval_ms: 60_000,
      written_bytes_per_second: 1_000_000,
      xids_per_second: 1000,
      multixacts_per_second: 10_000,
      ...{checkpoints_timed: 0, checkpoints_requested: 0, archived_count: 0, failed_count: 0, conflicts: 0},
    };
    const facts = {
      replication: {slots: [slot], standbys: []},
      write_state: createWriteState({multixacts_left: 36_000_000}),
    };
    const context = contextOf(3, still, facts);
    const measured = {...context.snapshot, server: {wal: {...createWal(), rates}}};
    const summaries = examineWrites({...context, snapshot: measured}).map(({summary}) => summary);
    expect(summaries).toEqual([
      expect.stringContaining(
        'multixacts are left until the server refuses writes (in 1 h at the measured rate',
      ),
      expect.stringContaining('is invalidated after 477M more WAL (in 8 min)'),
    ]);
  });

  it('dates the end of transaction ids by those that sessions used', () => {
    const reading = (index: number): Reading => ({
      backends: [createBackend({backend_xid: String((2 ** 32 - 5000 + index * 1000) % 2 ** 32)})],
    });
    const facts = {write_state: createWriteState({xids_left: 36_000_000})};
    const [finding] = examineWrites(contextOf(20, reading, facts));
    expect(finding?.summary).toMatch(/36M transaction ids are left .* \(in 10 h at the measured rate\)/);
  });

  it('widens what refers to a column that is bigint already', () => {
    const sequence = createSequence({column_max: '9223372036854775807'});
    const table = sequence.table && {...sequence.table, type: 'bigint'};
    const [finding] = examineWrites(contextOf(3, still, {sequences: [{...sequence, table}]}));
    expect(finding?.acts).toMatchObject([
      {recipe: 'widen-column', title: 'widen alerts.reading_id (integer) to bigint'},
    ]);
  });

  it('names without harm a sequence whose end is far away', () => {
    const sequences = [createSequence({last_value: '1200000000', used_ratio: 0.56})];
    const [finding] = examineWrites(contextOf(30, inserting, {sequences}));
    expect(finding).toMatchObject({cause: 'full-column', summary: expect.stringContaining('in 110 days')});
    expect(finding).not.toHaveProperty('harm');
  });

  it.each<[string, SequenceUse]>([
    ['never used', createSequence({last_value: null})],
    [
      'cycled',
      createSequence({
        is_cycled: true,
        max_value: '2147483647',
        column_max: '9223372036854775807',
        referring: [],
      }),
    ],
    ['going down', createSequence({increment: '-1'})],
  ])('finds nothing for a sequence that is %s', (_, sequence) => {
    expect(examineWrites(contextOf(3, still, {sequences: [sequence]}))).toEqual([]);
  });

  it.each<[string, AssessmentFacts]>([
    ['a healthy server', {write_state: createWriteState()}],
    [
      'a connected standby',
      {write_state: createWriteState({synchronous_standby_names: 's1', synchronous_standbys: 1})},
    ],
    [
      'an archive failure of yesterday',
      {
        write_state: createWriteState({
          archive: {failed_count: 5, last_failed_at: '2025-12-31T13:04:00Z', last_archived_at: null},
        }),
      },
    ],
    [
      'an archive failure before the last success',
      {
        write_state: createWriteState({
          archive: {
            failed_count: 5,
            last_failed_at: '2026-01-01T13:03:00Z',
            last_archived_at: '2026-01-01T13:03:30Z',
          },
        }),
      },
    ],
    [
      'a slot without a cap',
      {replication: {slots: [{...slot, safe_wal_bytes: null, wal_status: 'reserved'}], standbys: []}},
    ],
  ])('finds nothing for %s', (_, facts) => {
    expect(examineWrites(contextOf(5, still, facts))).toEqual([]);
  });
});
