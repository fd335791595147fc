import {expect, it} from 'vitest';
import recipe from '../../recipes/tune-connection-limit.ts';
import type {ApplicationPool} from '../../source/model/application-pool.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {facts} from './connection-limit-plans.ts';

const pool: ApplicationPool = {
  application_name: 'shop',
  usename: 'shop_app',
  datname: 'shop',
  clients: [],
  sessions: 2,
  ceiling: 2,
  readings: 100,
  window_ms: 200_000,
  all_busy_ratio: 0,
  average_busy: 3,
  most_busy: 7,
  idle_in_transaction_ratio: 0,
  transactions_per_second: null,
  oldest_start: null,
  newest_start: null,
  instances: 2,
  most_instances: 5,
  revisions: 1,
  reported: null,
  verdict: 'fine',
  may_be: null,
  reason: '',
};
const other = {...pool, usename: 'other_app', most_instances: 9, most_busy: 90};
const shown = {role: 'shop_app', instances: '2'};

it.each<[string, ApplicationPool[], object]>([
  ['no readings', [], shown],
  ['the role of one application', [other, pool], {...shown, max_instances: '5', most_busy: '7'}],
  ['requests that may wait', [{...pool, may_be: 'saturated'}], {...shown, max_instances: '5'}],
  ['no session that was ever busy', [{...pool, most_busy: 0}], {...shown, max_instances: '5'}],
  ['hidden sessions', [{...pool, instances: null, most_busy: null}], {role: 'shop_app'}],
  ['the role of two applications', [pool, {...pool, application_name: 'jobs'}], shown],
])('tune-connection-limit takes what readings show: %s', (_, applications, expected) => {
  const backends = [1, 2].map(pid =>
    createBackend({pid, usename: 'shop_app', client_addr: `10.0.0.${pid}`, backend_age_ms: 60_000}),
  );
  expect(recipe.defaults?.(createSnapshot({backends}), {...facts, applications})).toEqual(expected);
});
