import type {PoolerLink} from '../../core/pool/pooler.ts';
import {sessionId} from '../../core/sessions/session.ts';
import {counted, formatAge} from '../../core/text/format.ts';
import type {Pooler} from '../../model/pooler.ts';
import type {Backend} from '../../model/snapshot.ts';
import {useConsole} from '../components/context.ts';
import {Page} from '../components/page.tsx';
import {BlankRow, Heading, Properties, type Property, PropertyRows, Prose} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {shownLinks} from '../rows/poolers.ts';

/**
 * Everything known about one session; `detail` is its whole statement and its locks once they have been read. The page
 * stays open when the session ends, and says so.
 */
export function SessionDetail({id, detail}: {id: string; detail: string[] | null}) {
  const {backend, blocks, pooler, behind} = useConsole(state => {
    const {snapshot, assessment} = state;
    const backends = snapshot?.backends ?? [];
    const found = backends.find(candidate => sessionId(candidate) === id);
    const blocked = backends.filter(other => found && other.blocked_by.includes(found.pid));
    return {
      backend: found,
      blocks: blocked.map(({pid}) => pid).join(', '),
      pooler: assessment?.pooler,
      behind: found && shownLinks(state)?.get(found.pid),
    };
  });
  if (!backend)
    return (
      <Page>
        <Heading>session</Heading>
        <Text role="warning">{'  this session has ended'}</Text>
      </Page>
    );
  return (
    <Page>
      <Heading>{`session ${backend.pid}`}</Heading>
      <Properties properties={propertiesOf(backend, blocks)} />
      {pooler && behind !== undefined && <PropertyRows name="PgBouncer" value={behindText(pooler, behind)} />}
      <BlankRow />
      <Heading>{backend.state === 'active' ? 'statement' : 'last statement'}</Heading>
      <Prose text={detail ?? backend.query ?? '(hidden from this role: GRANT pg_monitor)'} />
    </Page>
  );
}

/** What it keeps vacuum from removing: a snapshot (xmin) or an own transaction (xid) does. These are visible to every role. */
function pinsText({xmin_age, backend_xid}: Backend): string {
  if (xmin_age === null) return 'pins nothing: it has neither a snapshot nor a transaction id';
  const by = backend_xid === null ? 'its snapshot' : `transaction ${backend_xid}`;
  return `pins rows deleted in the last ${counted(xmin_age, 'transaction')} (${by})`;
}

/** What has this server connection of PgBouncer now. */
function behindText({address}: Pooler, client: PoolerLink): string {
  const of = `a server connection of PgBouncer at ${address}`;
  if (client === null) return `${of}; no client has it now`;
  if (client === 'unread') return `${of}; its client was not read`;
  const {application_name, client_addr, client_port, database, user} = client;
  return `${of}, pool ${database}/${user}; ${application_name || '(no name)'} at ${client_addr}:${client_port} has it now`;
}

function propertiesOf(backend: Backend, blocks: string): Property[] {
  return [
    [
      'state',
      `${backend.state ?? 'hidden'} for ${formatAge(backend.state === 'active' ? backend.query_age_ms : backend.state_age_ms)}`,
    ],
    ['transaction', backend.xact_age_ms === null ? 'none' : `open for ${formatAge(backend.xact_age_ms)}`],
    ['vacuum', pinsText(backend)],
    [
      'connected',
      `${formatAge(backend.backend_age_ms)} ago, as ${backend.usename ?? '?'}${backend.is_superuser ? ' (superuser)' : ''} to ${backend.datname ?? '?'}`,
    ],
    ['application', backend.application_name || '(no name)'],
    [
      'client',
      backend.client_addr === null
        ? 'local or hidden'
        : `${backend.client_addr}:${backend.client_port ?? '?'}`,
    ],
    [
      'waits for',
      backend.wait_event === null ? 'nothing' : `${backend.wait_event_type}: ${backend.wait_event}`,
    ],
    ['blocked by', backend.blocked_by.length === 0 ? 'none' : [...new Set(backend.blocked_by)].join(', ')],
    ['blocks', blocks || 'none'],
    ...Object.entries(backend.tags).map(([key, value]): Property => [key, value]),
  ];
}
