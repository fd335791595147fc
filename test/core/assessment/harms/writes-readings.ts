import type {ReplicationSlot} from '../../../../source/model/server-facts.ts';
import {createBackend, createStatement} from '../../../helpers/snapshot.ts';
import type {Reading} from './readings.ts';

export const still = (): Reading => ({});

/** 100 rows a second into readings. */
export const inserting = (index: number): Reading => ({
  statements: [
    createStatement({
      query: 'INSERT INTO "readings" ("value") VALUES ($1)',
      calls: index * 100,
      rows: index * 100,
    }),
  ],
});

export const slot: ReplicationSlot = {
  name: 'cdc',
  kind: 'logical',
  database: 'shop',
  plugin: 'pgoutput',
  is_active: false,
  active_pid: null,
  xmin_age: null,
  catalog_xmin_age: null,
  retained_bytes: 9_000_000_000,
  wal_status: 'extended',
  safe_wal_bytes: 500_000_000,
  is_temporary: false,
  restart_lsn: '0/16B3748',
  xmin: null,
  catalog_xmin: null,
};

export const waiting = [
  createBackend({state: 'active', wait_event_type: 'IPC', wait_event: 'SyncRep', query: 'COMMIT'}),
];
