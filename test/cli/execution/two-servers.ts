import {afterAll, beforeAll, beforeEach, expect} from 'vitest';
import {serverAt} from '../../helpers/identity.ts';
import type {Major} from '../../helpers/majors.ts';
import {startProxy} from '../../helpers/proxy.ts';
import {type OwnServer, startTestServer, type TestServer} from '../../helpers/server.ts';
import {requestTo} from '../../postgres/requests.ts';
import {type Acting, createActing, createRoles} from './acting.ts';
import {limitRoles} from './limit-roles.ts';

/** The roles that the recipe `limit` limits. */
export const roles = ['app', 'viewer'];
const limit = limitRoles(roles);

/** Two servers with the same roles, for the tests of one file. Between tests no role has a limit. */
export function useTwoServers(major: Major): {first: OwnServer; second: OwnServer} {
  const servers = {} as {first: OwnServer; second: OwnServer};
  const both = () => [servers.first, servers.second];
  beforeAll(async () => {
    const settings = {max_connections: 12, superuser_reserved_connections: 3};
    [servers.first, servers.second] = await Promise.all([
      startTestServer({major, settings}),
      startTestServer({major}),
    ]);
    for (const server of both()) {
      await createRoles(server);
      await server.query("CREATE ROLE admin LOGIN PASSWORD 'secret' CREATEROLE IN ROLE pg_monitor");
      // PG16+: a role with CREATEROLE may alter the roles it administers.
      await server.query('GRANT app, viewer TO admin WITH ADMIN OPTION');
    }
  });
  afterAll(() => Promise.all(both().map(server => server?.stop())));
  beforeEach(async () => {
    for (const server of both()) {
      for (const role of roles) await server.query(`ALTER ROLE ${role} CONNECTION LIMIT -1`);
      await server.query('GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO PUBLIC');
    }
  });
  return servers;
}

/** The limits of both roles; -1 is none. */
export async function limitsOn(server: TestServer): Promise<number[]> {
  const text = 'SELECT rolconnlimit AS is FROM pg_roles WHERE rolname = ANY($1) ORDER BY rolname';
  return (await server.query<{is: number}>(text, [roles])).map(({is}) => is);
}

/** A server as messages name it: `server …123456`. */
export async function nameOf(server: TestServer): Promise<string> {
  return `server …${(await serverAt(requestTo(server.superuserUrl))).system_identifier?.slice(-6)}`;
}

/** The recipe `limit`, run as a role that may alter both roles. */
export function adminOn(server: TestServer, journal?: string): Promise<Acting> {
  return createActing(server, {user: 'admin', recipes: [limit], ...(journal !== undefined && {journal})});
}

/** Runs the recipe on the first server, by an address that leads to `later` from then on. */
export async function runThenSwitch(first: TestServer, later: TestServer): Promise<Acting> {
  const proxy = await startProxy(first);
  const acting = await adminOn(proxy.addressOf(first));
  expect(await acting.run('limit', {yes: true})).toBe(0);
  proxy.redirectTo(later);
  return adminOn(proxy.addressOf(first), acting.journal.file);
}

/** The hash of the plan printed last. */
export function planHashOf(acting: Acting): string {
  return String(acting.document().plan);
}
