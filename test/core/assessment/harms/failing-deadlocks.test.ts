import {expect, it} from 'vitest';
import {examineFailing} from '../../../../source/core/assessment/harms/failing.ts';
import {examineDeadlocks} from '../../../../source/core/assessment/harms/failing-deadlocks.ts';
import {poolKey} from '../../../../source/core/assessment/sample.ts';
import type {PoolSample, Sample} from '../../../../source/model/assessment.ts';
import {failing} from './failing-readings.ts';
import {contextOf, type Reading} from './readings.ts';

it('examineDeadlocks counts them over the window', () => {
  const reading = (index: number): Reading => ({database: {deadlocks: Math.floor(index / 5)}});
  expect(examineDeadlocks(contextOf(30, reading))).toMatchObject([
    {cause: 'deadlocks', evidence: {deadlocks: 5}, subject: 'database:shop/deadlocks'},
  ]);
  expect(examineDeadlocks(contextOf(12, reading))).toEqual([]);
});

it('goes soon after the last of many, later after one of few', () => {
  const until = (last: number, every: number) => (index: number) => ({
    database: {deadlocks: Math.floor(Math.min(index, last) / every)},
  });
  expect(examineDeadlocks(contextOf(30, until(20, 1)))).toHaveLength(1);
  expect(examineDeadlocks(contextOf(33, until(20, 1)))).toEqual([]);
  expect(examineDeadlocks(contextOf(33, until(20, 4)))).toHaveLength(1);
});

it('frequent deadlocks explain the waits and the rollbacks', () => {
  const context = contextOf(12, index => ({
    ...failing(index),
    database: {deadlocks: 4 * index, xact_rollback: 5 * index},
  }));
  const waiting = (object: string, count: number, pool: PoolSample) =>
    ({object, waiting: count, roots: [], pool: poolKey(pool)}) as unknown as Sample['waits'][number];
  const samples = context.samples.map(sample => {
    const pools = sample.pools.map(pool => ({...pool, waiting_for_lock: 2}));
    const elsewhere = pools.map(pool => ({...pool, datname: 'crm'}));
    return {
      ...sample,
      waits: [
        ...elsewhere.map(pool => waiting('relation 16638 of database crm', 7, pool)),
        ...pools.map(pool => waiting('row of public.users', 4, pool)),
      ],
      pools: [...elsewhere, ...pools],
    };
  });
  expect(examineDeadlocks({...context, samples})).toMatchObject([
    {
      severity: 'critical',
      summary:
        '44 deadlocks in database shop in 11 s: ingest/shop_app lock in different orders (row of public.users)',
      explains: [
        'lock:row of public.users',
        'relation:public.users',
        'relation:public.users/row',
        'application:ingest/role:shop_app',
      ],
      harm: {sessions: 4},
    },
  ]);
  expect(examineFailing(context)).toEqual([]);
});
