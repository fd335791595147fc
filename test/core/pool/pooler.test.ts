import {expect, it} from 'vitest';
import {poolerRole} from '../../../source/console/rows/poolers.ts';
import {mostClients, poolerLinks, poolerQueues} from '../../../source/core/pool/pooler.ts';
import type {PoolerClient} from '../../../source/model/pooler.ts';
import {createPooler} from '../../helpers/pooler.ts';
import {createBackend} from '../../helpers/snapshot.ts';

const backends = [11, 12].map(pid => createBackend({pid, datname: 'shop_app'}));

it('links each server connection to its client, and says which were not read', () => {
  const pooler = createPooler();
  const [, holder] = pooler.clients ?? [];
  const idle = pooler.servers.map(server => ({...server, state: 'idle'}));
  const links = (...args: Parameters<typeof poolerLinks>) => [...poolerLinks(...args).values()];
  expect(links(pooler, backends)).toEqual([holder, 'unread']);
  expect(links({...pooler, servers: idle}, backends)).toEqual([holder, null]);
  expect(links({...pooler, clients: null}, backends)).toEqual(['unread', 'unread']);
});

it('keeps clients with a server connection before those that wait, and lists the longest wait first', () => {
  const client = (client_port: number, wait_ms: number | null, server_pid: number | null): PoolerClient => ({
    ...{database: 'shop', user: 'app', application_name: 'web', client_addr: '10.0.0.7', state: 'active'},
    ...{client_port, wait_ms, server_pid},
  });
  const clients = [client(1, null, null), client(2, 5, null), client(3, 90, null), client(4, null, 11)];
  const kept = (most: number) => mostClients(clients, most).map(({client_port}) => client_port);
  expect(kept(2)).toEqual([3, 4]);
  expect(kept(9)).toEqual([3, 2, 4, 1]);
});

it.each([
  ['a client that waits for a moment', {cl_waiting: 1, maxwait_ms: 2, sv_active: 1}, 'fine', 'good'],
  ['one that waits for long', {cl_waiting: 1, maxwait_ms: 60_000, sv_active: 1}, 'waiting', 'danger'],
  ['full for a moment', {cl_waiting: 1, maxwait_ms: 2, sv_active: 2}, 'full', 'warning'],
  ['full for long', {cl_waiting: 1, maxwait_ms: 60_000, sv_active: 2}, 'full', 'danger'],
])('%s', (_name, changes, verdict, role) => {
  const pooler = createPooler();
  const [queue] = poolerQueues(
    {...pooler, pools: pooler.pools.slice(0, 1).map(pool => ({...pool, ...changes}))},
    [],
  );
  expect(queue?.verdict).toBe(verdict);
  expect(queue && poolerRole(queue)).toBe(role);
});
