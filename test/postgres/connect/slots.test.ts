import type pg from 'pg';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {connect, type WaitState} from '../../../source/postgres/connect/connect.ts';
import {classifySlotError} from '../../../source/postgres/connect/slot-errors.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection, requestTo} from '../requests.ts';

const password = 'secret';

describeEachMajor('a server without a free slot', major => {
  let server: TestServer;
  let openClients: pg.Client[] = [];
  const settings = {
    max_connections: 10,
    superuser_reserved_connections: 2,
    max_wal_senders: 0,
    autovacuum: 'off',
    ...(major >= 16 ? {reserved_connections: 2} : {}),
  };

  beforeAll(async () => {
    server = await startTestServer({major, settings});
    for (const role of ['app', 'reserve']) {
      await server.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
    }
    await server.query(`CREATE ROLE limited LOGIN PASSWORD '${password}' CONNECTION LIMIT 1`);
    await server.query('CREATE DATABASE small CONNECTION LIMIT 1');
    if (major >= 16) await server.query('GRANT pg_use_reserved_connections TO reserve');
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    await Promise.all(openClients.map(client => client.end()));
    openClients = [];
    // A backend is gone a moment after its connection: the next test counts slots.
    await untilOnly(server);
  });

  /** Opens connections as that role until the server refuses one. */
  const fillSlotsOf = async (user: string) => {
    for (;;) {
      try {
        openClients.push(await server.connect(user === 'postgres' ? {} : {user, password}));
      } catch (error) {
        if (classifySlotError(error) !== null) return;
        throw error;
      }
    }
  };
  const url = (user: string, database = 'postgres') => server.url({user, password, database});
  const free = async () => {
    await openClients.pop()?.end();
  };

  describe('for an ordinary role', () => {
    beforeEach(() => fillSlotsOf('app'));

    it('says for which roles the remaining slots are reserved, and exits with 4', async () => {
      const error = await rejection(connect(requestTo(url('app')), {purpose: 'watch'}));
      expect(error).toMatchObject({
        exitCode: 4,
        message: expect.stringMatching(/open to role "app" is taken: the remaining ones are reserved/),
        hint: expect.stringContaining('POOLCTL_RESCUE_URL'),
        cause: {code: '53300'},
      });
      expect(classifySlotError((error as Error).cause)).toBe(major >= 16 ? 'reserved' : 'superuser_reserved');
    });

    it('connects as the superuser of the rescue URL', async () => {
      const request = requestTo(url('app'), {POOLCTL_RESCUE_URL: server.superuserUrl});
      const connection = await connect(request, {purpose: 'watch'});
      expect(connection.route).toBe('rescue');
      expect(connection.request.user).toBe('postgres');
      const {rows} = await connection.client.query('SELECT current_user, pg_is_in_recovery() AS standby');
      expect(rows).toEqual([{current_user: 'postgres', standby: false}]);
      await connection.close();
    });

    it.skipIf(major < 16)('connects as a role with reserved slots', async () => {
      const request = requestTo(url('app'), {POOLCTL_RESCUE_URL: url('reserve')});
      const connection = await connect(request, {purpose: 'watch'});
      expect([connection.route, connection.request.user]).toEqual(['rescue', 'reserve']);
      await connection.close();
    });

    it('uses the rescue URL only for a slot, not for a wrong password', async () => {
      const wrong = server.url({user: 'app', password: 'wrong'});
      const request = requestTo(wrong, {POOLCTL_RESCUE_URL: server.superuserUrl});
      await free();
      expect(await rejection(connect(request, {purpose: 'watch'}))).toMatchObject({exitCode: 3});
    });

    it('reports an error of the rescue URL', async () => {
      const rescue = server.url({user: 'app', password: 'wrong'});
      const request = requestTo(url('app'), {POOLCTL_RESCUE_URL: rescue});
      expect(await rejection(connect(request, {purpose: 'watch'}))).toMatchObject({
        exitCode: 3,
        hint: 'Check the password: it comes from POOLCTL_RESCUE_URL.',
      });
    });

    it('waits, reports it, and takes the first free slot', async () => {
      const states: WaitState[] = [];
      const connection = await connect(requestTo(url('app')), {
        purpose: 'watch',
        waitFor_ms: 60_000,
        onWait: state => {
          states.push(state);
          if (states.length === 2) void free();
        },
      });
      expect(connection.route).toBe('waited');
      expect(states.length).toBeGreaterThanOrEqual(2);
      for (const [index, state] of states.entries()) {
        expect(state.attempt).toBe(index + 1);
        expect(state.next_try_in_ms).toBeGreaterThan(0);
        expect(state.next_try_in_ms).toBeLessThanOrEqual(1000);
        expect(state.waited_ms + state.remaining_ms).toBeCloseTo(60_000);
      }
      // The slot is taken: the next connection finds none.
      expect(await rejection(connect(requestTo(url('app')), {purpose: 'watch'}))).toMatchObject({
        exitCode: 4,
      });
      await connection.close();
    });

    it('gives up after --wait', async () => {
      const waits: WaitState[] = [];
      const options = {
        purpose: 'watch',
        waitFor_ms: 2000,
        onWait: (state: WaitState) => waits.push(state),
      } as const;
      expect(await rejection(connect(requestTo(url('app')), options))).toMatchObject({exitCode: 4});
      expect(waits.length).toBeGreaterThan(0);
      for (const {next_try_in_ms, remaining_ms} of waits)
        expect(next_try_in_ms).toBeLessThanOrEqual(remaining_ms);
    });

    it('stops waiting when it is interrupted', async () => {
      const abort = new AbortController();
      const waiting = connect(requestTo(url('app')), {
        purpose: 'watch',
        waitFor_ms: 60_000,
        signal: abort.signal,
        onWait: () => abort.abort(),
      });
      expect(await rejection(waiting)).toMatchObject({exitCode: 130});
    });
  });

  it.skipIf(major < 16)('says for which roles the slots are reserved', async () => {
    await fillSlotsOf('app');
    await fillSlotsOf('reserve');
    const error = await rejection(connect(requestTo(url('reserve')), {purpose: 'watch'}));
    expect(classifySlotError((error as Error).cause)).toBe('superuser_reserved');
    expect(error).toMatchObject({message: expect.stringContaining('reserved for superusers')});
  });

  it('reports that not even a superuser can connect', async () => {
    await fillSlotsOf('postgres');
    const request = requestTo(url('app'), {POOLCTL_RESCUE_URL: server.superuserUrl});
    const error = await rejection(connect(request, {purpose: 'watch'}));
    expect(error).toMatchObject({exitCode: 4, message: expect.stringContaining('reserved ones included')});
    expect(error).toMatchObject({hint: expect.stringContaining('The rescue URL found no slot either')});
  });

  it("reports a role's limit while the server has free slots", async () => {
    openClients.push(await server.connect({user: 'limited', password}));
    const error = await rejection(connect(requestTo(url('limited')), {purpose: 'watch'}));
    expect(error).toMatchObject({
      exitCode: 4,
      message: 'role "limited" has reached its connection limit (53300)',
      hint: expect.stringContaining('ALTER ROLE "limited" CONNECTION LIMIT -1;'),
    });
    const request = requestTo(url('limited'), {POOLCTL_RESCUE_URL: url('app')});
    const connection = await connect(request, {purpose: 'watch'});
    expect(connection.route).toBe('rescue');
    await connection.close();
  });

  it("reports a database's limit", async () => {
    openClients.push(await server.connect({user: 'app', password, database: 'small'}));
    expect(await rejection(connect(requestTo(url('app', 'small')), {purpose: 'watch'}))).toMatchObject({
      exitCode: 4,
      message: 'database "small" has reached its connection limit (53300)',
      hint: expect.stringContaining('ALTER DATABASE "small" CONNECTION LIMIT -1;'),
    });
  });

  it.runIf(major === 15)('is recognised whatever the language of its messages', async () => {
    openClients.push(await server.connect({user: 'limited', password}));
    const error = await rejection(connect(requestTo(url('limited')), {purpose: 'watch'}));
    const {code, routine} = (error as {cause: {code: string; routine: string}}).cause;
    expect(classifySlotError({code, routine, message: 'zu viele Verbindungen für Rolle »limited«'})).toBe(
      'role_limit',
    );
  });
});

/** Waits until only the superuser's session is left. */
async function untilOnly(server: TestServer): Promise<void> {
  for (;;) {
    const rows = await server.query(
      `SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    );
    if (rows.length === 0) return;
  }
}

describe('classifySlotError', () => {
  it.each([
    ['53300', 'sorry, too many clients already', 'global'],
    [
      '53300',
      'remaining connection slots are reserved for non-replication superuser connections',
      'superuser_reserved',
    ],
    [
      '53300',
      'remaining connection slots are reserved for roles with the SUPERUSER attribute',
      'superuser_reserved',
    ],
    [
      '53300',
      'remaining connection slots are reserved for roles with privileges of the "pg_use_reserved_connections" role',
      'reserved',
    ],
    [
      '53300',
      'remaining connection slots are reserved for roles with privileges of the "rds_reserved" role',
      'reserved',
    ],
    ['53300', 'too many connections for role "app"', 'role_limit'],
    ['53300', 'too many connections for database "shop"', 'database_limit'],
    ['08P01', 'no more connections allowed (max_client_conn)', 'pooler_clients'],
    ['53300', 'no more connections allowed (max_db_client_connections)', 'pooler_limit'],
    ['08P01', 'no more connections allowed (max_user_client_connections)', 'pooler_limit'],
    ['08P01', 'query_wait_timeout', 'pooler_queue'],
    [
      '08P01',
      'server login has been failing, cached error: sorry, too many clients already (server_login_retry)',
      'pooler_queue',
    ],
    [
      'XX000',
      '(EMAXCONNSESSION) max clients reached in session mode - max clients are limited to pool_size: 15',
      'pooler_sessions',
    ],
    ['XX000', '(EMAXCONN) max client connections reached, limit: 200', 'pooler_clients'],
    ['XX000', 'MaxClientsInSessionMode: max clients reached', 'pooler_sessions'],
    ['XX000', 'Max client connections reached', 'pooler_clients'],
    ['28P01', 'password authentication failed for user "app"', null],
    ['08P01', 'unsupported startup parameter: options', null],
    ['57P03', 'the database system is starting up', null],
  ])('%s %s', (code, message, expected) => {
    expect(classifySlotError(Object.assign(new Error(message), {code}))).toBe(expected);
  });

  it.each([['ECONNREFUSED'], [undefined], [null]])('%s is not a slot error', error => {
    expect(classifySlotError(error)).toBeNull();
  });
});
