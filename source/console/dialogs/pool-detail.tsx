import {poolName} from '../../core/assessment/context.ts';
import {poolKey} from '../../core/assessment/sample.ts';
import {counted, formatAge, formatCount, formatMs, formatRatio} from '../../core/text/format.ts';
import type {ApplicationPool, PoolClient, PoolQueue} from '../../model/application-pool.ts';
import {useConsole} from '../components/context.ts';
import {Page} from '../components/page.tsx';
import {
  BlankRow,
  Heading,
  Properties,
  type Property,
  PropertyRows,
  Prose,
  WhatCanBeDone,
} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {recipeOfPool, verdictRole, verdictText} from '../rows/pools.ts';

/** An application's pool: the verdict and what it rests on, its addresses, what it reports, and the recipe for it. */
export function PoolDetail({id}: {id: string}) {
  const pool = useConsole(({assessment}) => assessment?.applications.find(each => poolKey(each) === id));
  const snapshot = useConsole(state => state.snapshot);
  if (pool === undefined || snapshot === null)
    return (
      <Page>
        <Heading>pool</Heading>
        <Text role="warning">{'  this application has no session now'}</Text>
      </Page>
    );
  const {recipe, params} = recipeOfPool(pool, snapshot);
  const now_ms = Date.parse(snapshot.at);
  return (
    <Page>
      <Heading>{`pool of ${poolName(pool)} in ${pool.datname || '?'}`}</Heading>
      <PropertyRows name={verdictText(pool)} value={pool.reason} nameRole={verdictRole(pool)} />
      <BlankRow />
      <Properties properties={propertiesOf(pool, now_ms)} />
      <BlankRow />
      <Heading>addresses</Heading>
      {pool.clients.length === 0 && <Prose text="(hidden from this role: GRANT pg_monitor)" />}
      {pool.clients.map(client => (
        <PropertyRows
          key={client.client_addr}
          name={client.client_addr ?? 'local'}
          nameWidth={18}
          value={describeClient(client, now_ms)}
        />
      ))}
      <WhatCanBeDone
        value={`${recipe}, for ${Object.entries(params)
          .map(([name, value]) => `${name}=${value}`)
          .join(' ')}`}
      />
    </Page>
  );
}

function propertiesOf(pool: ApplicationPool, now_ms: number): Property[] {
  const {average_busy, most_busy, readings, window_ms, transactions_per_second, reported} = pool;
  const over = `in ${counted(readings, 'snapshot')} over ${formatAge(window_ms)}`;
  return [
    ['sessions', `${pool.sessions}; at most ${pool.ceiling} ${over}`],
    [
      'busy',
      average_busy === null
        ? 'hidden from this role'
        : `${average_busy.toFixed(1)} on average, at most ${most_busy} ${over}`,
    ],
    ['all busy', `${formatRatio(pool.all_busy_ratio, 0)} of the snapshots`],
    ['idle in tx', `${formatRatio(pool.idle_in_transaction_ratio, 0)} of its sessions, on average`],
    [
      'transactions',
      transactions_per_second === null
        ? 'not known: PostgreSQL counts by database, and others work in this one'
        : `${formatCount(transactions_per_second)}/s, of the whole database`,
    ],
    ['connected', `${ageOf(pool.newest_start, now_ms)} to ${ageOf(pool.oldest_start, now_ms)} ago`],
    ['instances', instancesText(pool)],
    [
      'reported',
      reported === null ? 'nothing: poolctl/kit in the application reports its queue' : reportText(reported),
    ],
  ];
}

function instancesText({instances, revisions}: ApplicationPool): string {
  if (instances === null) return 'hidden from this role';
  return revisions === 2 ? `${instances}, begun at two times: two revisions overlap` : String(instances);
}

function reportText({size, busy, waiting, wait_p95_ms}: PoolQueue): string {
  const wait =
    wait_p95_ms === null ? 'not known for how long' : `95 % of them at most ${formatMs(wait_p95_ms)}`;
  return `${busy} of ${size} connections checked out, ${counted(waiting, 'request')} waiting${waiting === 0 ? '' : `, ${wait}`}`;
}

function describeClient(
  {sessions, busy, instances, may_be_instances, oldest_start}: PoolClient,
  now_ms: number,
): string {
  const state = busy === null ? '' : `, ${busy} busy`;
  const bursts =
    may_be_instances === null
      ? ''
      : `, begun in ${may_be_instances} bursts: may be ${may_be_instances} processes`;
  const processes = instances === 1 ? bursts : `, ${instances} instances`;
  return `${counted(sessions, 'session')}${state}${processes}, the oldest ${ageOf(oldest_start, now_ms)} old`;
}

function ageOf(start: string | null, now_ms: number): string {
  return formatAge(start === null ? null : now_ms - Date.parse(start));
}
