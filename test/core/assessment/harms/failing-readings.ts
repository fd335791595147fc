import {createBackend, createStatement} from '../../../helpers/snapshot.ts';
import type {Reading} from './readings.ts';

export const insert = 'INSERT INTO "public"."readings" ("value") VALUES ($1)';

export const session = (pid: number, query: string, overrides = {}) =>
  createBackend({pid, application_name: 'ingest', query, query_id: '77', query_age_ms: 10, ...overrides});

/** A healthy statement that is counted, and the failing one, which is not. */
export const counted = (index: number) => [
  createStatement({queryid: '1', dbid: '16384', calls: 1000 + index * 20}),
];

export const failing = (index: number): Reading => ({
  backends: [session(1, insert), session(2, insert)],
  statements: counted(index),
  database: {xact_rollback: index * 79, xact_commit: 1000 + index},
});
