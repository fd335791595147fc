import type {Context} from '../../../../source/core/assessment/context.ts';
import {samplesOf} from '../../../../source/core/assessment/samples.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {SequenceUse, WriteState} from '../../../../source/model/server-facts.ts';
import type {WalState} from '../../../../source/model/server-state.ts';
import type {Backend, Database, Snapshot, Statement} from '../../../../source/model/snapshot.ts';
import {createSnapshot} from '../../../helpers/snapshot.ts';

/** What changes from one reading to the next, one second later. */
export type Reading = {
  backends?: Backend[];
  statements?: Statement[];
  database?: Partial<Database>;
  info?: Partial<NonNullable<Snapshot['statements_info']>>;
  target?: Partial<Snapshot['target']>;
};

/** The context of `count` readings, one a second. */
export function contextOf(
  count: number,
  reading: (index: number) => Reading,
  facts: AssessmentFacts = {},
): Context {
  const snapshots = Array.from({length: count}, (_, index) => {
    const {backends, statements, database, info, target} = reading(index);
    const base = createSnapshot({...(backends && {backends}), ...(statements && {statements})});
    return {
      ...base,
      at: new Date(Date.UTC(2026, 0, 1, 13, 4, index)).toISOString(),
      target: {...base.target, database: 'shop', ...target},
      databases: base.databases.map(each => ({...each, ...database})),
      statements_info: base.statements_info && {...base.statements_info, ...info},
    };
  });
  const snapshot = snapshots.at(-1);
  if (snapshot === undefined) throw new Error('no snapshot');
  return {snapshot, samples: samplesOf(snapshots), facts};
}

export function createSequence(overrides: Partial<SequenceUse> = {}): SequenceUse {
  return {
    schema: 'public',
    name: 'readings_id_seq',
    last_value: '2147483647',
    increment: '1',
    max_value: '9223372036854775807',
    is_cycled: false,
    table: {
      oid: '16400',
      schema: 'public',
      name: 'readings',
      column: 'id',
      type: 'integer',
      rows: 400_000,
      size_bytes: 40_000_000,
    },
    column_max: '2147483647',
    referring: [
      {schema: 'public', table: 'alerts', column: 'reading_id', type: 'integer', column_max: '2147483647'},
    ],
    used_ratio: 1,
    ...overrides,
  };
}

export function createWriteState(overrides: Partial<WriteState> = {}): WriteState {
  return {
    is_in_recovery: false,
    default_read_only: false,
    read_only_source: null,
    xids_left: 2_000_000_000,
    oldest_database: 'shop',
    multixacts_left: 2_000_000_000,
    oldest_multixact_database: 'shop',
    synchronous_standby_names: '',
    synchronous_standbys: 0,
    notify_queue_ratio: 0,
    archive: null,
    ...overrides,
  };
}

export function createWal(overrides: Partial<WalState> = {}): WalState {
  return {
    at: '2026-01-01T13:04:00.000000Z',
    written_bytes: 1_000_000_000,
    next_xid: 1000,
    next_multixact: 10,
    settings: {
      max_wal_size_bytes: 2 ** 30,
      wal_keep_size_bytes: 0,
      max_slot_wal_keep_size_bytes: null,
      checkpoint_timeout_ms: 300_000,
    },
    directory: {files: 4, bytes: 64 * 2 ** 20},
    checkpoints: {timed: 3, requested: 1, stats_reset: '2026-01-01T12:04:00.000000Z'},
    archive: null,
    recovery: null,
    ...overrides,
  };
}
