import type {Pooler, PoolerDatabase} from '../../model/pooler.ts';
import type {Sql, SqlStep, Verification} from '../../model/step.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {poolerIdentity} from './pooler.ts';

export type PoolerDatabaseOf = {pooler: Pooler; database: PoolerDatabase};

/** A PAUSE that takes longer is undone. */
export const pauseWithinMs = 5000;

const common = {kind: 'sql', lock: 'none', transaction: false, timeout_ms: 10_000} as const;

export function pauseStep(on: PoolerDatabaseOf): SqlStep {
  const {name} = on.database;
  const [paused, running] = [isPaused(on, 1), isPaused(on, 0)];
  const resume = command(on.pooler, `RESUME ${quoteIdentifier(name)}`);
  return {
    ...common,
    timeout_ms: pauseWithinMs,
    title: `pause ${name} in PgBouncer`,
    subject: `pooler:${name}`,
    guard: running,
    apply: command(on.pooler, `PAUSE ${quoteIdentifier(name)}`),
    // One that is not done in time leaves the database paused.
    cleanup: {guard: paused, apply: resume},
    undo: {guard: paused, apply: resume, verify: running},
    verify: paused,
  };
}

export function resumeStep(on: PoolerDatabaseOf): SqlStep {
  const {undo: _, cleanup, apply, ...pause} = pauseStep(on);
  const [paused, running] = [isPaused(on, 1), isPaused(on, 0)];
  return {
    ...pause,
    title: `resume ${on.database.name} in PgBouncer`,
    guard: paused,
    apply: command(on.pooler, `RESUME ${quoteIdentifier(on.database.name)}`),
    undo: {guard: running, apply, verify: paused, ...(cleanup && {cleanup})},
    verify: running,
  };
}

export function reconnectStep(on: PoolerDatabaseOf): SqlStep {
  const {name} = on.database;
  return {
    ...common,
    title: `reconnect ${name} in PgBouncer`,
    subject: `pooler:${name}`,
    guard: isPaused(on, on.database.is_paused ? 1 : 0),
    apply: command(on.pooler, `RECONNECT ${quoteIdentifier(name)}`),
    undo: 'unneeded',
    // PgBouncer has taken the command; connections in use follow when they are released.
    verify: isPaused(on, on.database.is_paused ? 1 : 0),
  };
}

/** Of the database that leads where it led in the preview. */
function isPaused({pooler, database}: PoolerDatabaseOf, value: 0 | 1): Verification {
  const {name, host, port, database: there} = database;
  const where = {name, host: String(host), port: String(port), database: there};
  return {
    query: {text: 'SHOW DATABASES', values: [], console: {pooler: poolerIdentity(pooler), where}},
    expect: {column: 'paused', op: '=', value},
  };
}

export const poolSizeSubject = 'pooler:default_pool_size';

export function poolSizeStep(pooler: Pooler, size: number): SqlStep {
  const before = pooler.settings.default_pool_size;
  const set = (value: number) => command(pooler, `SET default_pool_size = ${value}`);
  const is = (value: number): Verification => ({
    query: {
      text: 'SHOW CONFIG',
      values: [],
      console: {pooler: poolerIdentity(pooler), where: {key: 'default_pool_size'}},
    },
    expect: {column: 'value', op: '=', value: String(value)},
  });
  return {
    ...common,
    title: `set default_pool_size = ${size} in PgBouncer`,
    subject: poolSizeSubject,
    guard: is(before),
    apply: set(size),
    undo: {guard: is(size), apply: set(before), verify: is(before)},
    verify: is(size),
  };
}

function command(pooler: Pooler, text: string): Sql {
  return {text, values: [], console: {pooler: poolerIdentity(pooler)}};
}
