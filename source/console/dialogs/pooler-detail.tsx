import {
  type PoolerLink,
  type PoolerQueue,
  poolerPoolName,
  preparedStatementAdvice,
} from '../../core/pool/pooler.ts';
import {counted, formatAge, formatCount, formatMs} from '../../core/text/format.ts';
import type {Pooler, PoolerClient} from '../../model/pooler.ts';
import type {Backend} from '../../model/snapshot.ts';
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
import {paramsOfPooler, poolerOf, poolerRole, shownLinks} from '../rows/poolers.ts';

/** A pool of PgBouncer: the verdict, its server connections as the server sees them, and its clients. */
export function PoolerDetail({id}: {id: string}) {
  const {assessment, snapshot, past, pooler_of_ms} = useConsole(state => ({
    assessment: state.assessment,
    snapshot: state.snapshot,
    past: state.past,
    pooler_of_ms: state.pooler_of_ms,
  }));
  const queue = poolerOf({assessment, snapshot}, id);
  const isFound = useConsole(({findings}) => findings.some(({subject}) => subject === id));
  const pooler = assessment?.pooler;
  if (queue === undefined || !pooler || snapshot === null)
    return (
      <Page>
        <Heading>pool of PgBouncer</Heading>
        <Text role="warning">{'  PgBouncer has no such pool now'}</Text>
      </Page>
    );
  const {pool, sessions, verdict, reason} = queue;
  const name = poolerPoolName(pool);
  const links = shownLinks({assessment, snapshot, past, pooler_of_ms});
  const clients = (pooler.clients ?? []).filter(client => poolerPoolName(client) === name);
  const prepared = preparedStatementAdvice(pooler);
  return (
    <Page>
      <Heading>{`pool ${name} of PgBouncer ${pooler.version} at ${pooler.address}`}</Heading>
      <PropertyRows name={verdict} value={reason} nameRole={poolerRole(queue)} />
      <BlankRow />
      <Properties properties={propertiesOf(queue, pooler)} />
      {prepared && <PropertyRows name="prepared" value={`${prepared.detail}; ${prepared.remedy}`} />}
      <WhatCanBeDone value={isFound ? 'the finding about it, with what answers it' : recipeText(queue)} />
      <BlankRow />
      <Heading>server connections</Heading>
      {sessions.length === 0 && <Prose text={noSessions(queue, pooler)} />}
      {sessions.map(session => (
        <PropertyRows
          key={session.pid}
          name={String(session.pid)}
          nameWidth={9}
          value={describeSession(session, links?.get(session.pid) ?? null)}
        />
      ))}
      <BlankRow />
      <Heading>clients</Heading>
      {clients.length === 0 && <Prose text={noClients(queue, pooler)} />}
      {clients.map((client, index) => (
        <PropertyRows
          // Over a Unix socket all have the same address.
          key={index}
          name={`${client.client_addr}:${client.client_port}`}
          nameWidth={23}
          value={describeClient(client)}
        />
      ))}
    </Page>
  );
}

function recipeText(queue: PoolerQueue): string {
  const params = Object.entries(paramsOfPooler(queue)).map(([key, value]) => `${key}=${value}`);
  return `control-pgbouncer, for ${params.join(' ')}`;
}

function noClients({pool}: PoolerQueue, {clients}: Pooler): string {
  if (clients === null) return 'too many to read them all';
  return pool.cl_active + pool.cl_waiting === 0 ? 'none is connected' : 'not among those that were read';
}

function noSessions({pool}: PoolerQueue, {servers}: Pooler): string {
  const count = pool.sv_active + pool.sv_idle + pool.sv_used + pool.sv_tested;
  if (count === 0) return 'none';
  if (!servers.some(server => server.pid !== null && poolerPoolName(server) === poolerPoolName(pool)))
    return `${counted(count, 'server connection')}, not among those that were read`;
  return `${counted(count, 'server connection')} that ${count === 1 ? 'is' : 'are'} no session here: it leads to another server, or a pooler is in between`;
}

function propertiesOf({pool, database}: PoolerQueue, {settings}: Pooler): Property[] {
  const {cl_active, cl_waiting, maxwait_ms, sv_active, sv_idle, sv_used, sv_tested, sv_login} = pool;
  const wait = cl_waiting === 0 ? '' : `, the first for ${formatMs(maxwait_ms)}`;
  const timeout = settings.query_wait_timeout_ms;
  return [
    ['mode', pool.pool_mode],
    ['clients', `${cl_active} active or idle, ${cl_waiting} waiting${wait}`],
    [
      'servers',
      `${sv_active} busy, ${sv_idle} idle, ${sv_used + sv_tested} used or tested, ${sv_login} logging in; at most ${database?.pool_size ?? '?'}`,
    ],
    ...(database === null
      ? []
      : ([
          [
            'leads to',
            `${database.database} at ${database.host ?? 'a Unix socket'}:${database.port}${database.is_paused ? ', paused' : ''}${database.is_disabled ? ', disabled' : ''}`,
          ],
          [
            'database',
            `${counted(database.current_connections, 'server connection')} of all its pools${database.max_connections === 0 ? '' : `, at most ${database.max_connections} (max_db_connections)`}`,
          ],
          [
            'transactions',
            database.transactions_per_second === null
              ? 'not known'
              : `${formatCount(database.transactions_per_second)}/s in this database, ${formatMs(database.average_transaction_ms)} on average`,
          ],
        ] satisfies Property[])),
    [
      'queue',
      timeout
        ? `a client that waits for ${formatMs(timeout)} is disconnected (query_wait_timeout)`
        : 'no time limit',
    ],
  ];
}

function describeSession(session: Backend, client: PoolerLink): string {
  const {state, state_age_ms, wait_event, wait_event_type} = session;
  const wait =
    wait_event === null || wait_event === 'ClientRead' ? '' : `, waits for ${wait_event_type}:${wait_event}`;
  return `${state ?? 'hidden'} for ${formatAge(state_age_ms)}${wait}; ${holderOf(client)}`;
}

function holderOf(client: PoolerLink): string {
  if (client === null) return 'no client has it';
  if (client === 'unread') return 'its client was not read';
  return `${nameOf(client)}, ${client.client_addr}:${client.client_port}`;
}

function describeClient(client: PoolerClient): string {
  const {state, wait_ms, server_pid} = client;
  const wait = wait_ms === null ? '' : ` for ${formatMs(wait_ms)}`;
  return `${nameOf(client)}, ${state}${wait}${server_pid === null ? '' : `, has session ${server_pid}`}`;
}

function nameOf({application_name}: PoolerClient): string {
  return application_name || '(no name)';
}
