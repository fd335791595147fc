import {afterAll, afterEach, beforeAll, expect, it} from 'vitest';
import {statementKey} from '../../../source/core/activity/rates.ts';
import type {SampleEvent, Sampler} from '../../../source/model/ports.ts';
import type {Snapshot} from '../../../source/model/snapshot.ts';
import type {RawPgClient} from '../../../source/postgres/connect/client.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {createSampler, readOnce, type SamplerOptions} from '../../../source/postgres/sampler/sampler.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../../helpers/server.ts';
import {requestTo} from '../requests.ts';
import {until, watch} from '../watching.ts';

/** A running sampler whose events are awaited one by one. */
type Listening = {
  sampler: Sampler;
  /** The next event that `isWanted` accepts. */
  next(isWanted: (event: SampleEvent) => boolean): Promise<SampleEvent>;
  snapshot(isWanted?: (snapshot: Snapshot) => boolean): Promise<Snapshot>;
  lost(): Promise<Extract<SampleEvent, {kind: 'lost'}>>;
  connects: () => number;
  stop(): Promise<void>;
};

function listen(url: string, options: Omit<SamplerOptions, 'connect'> = {}): Listening {
  const stopping = new AbortController();
  let connects = 0;
  const sampler = createSampler({
    interval_ms: 500,
    ...options,
    connect(signal) {
      connects++;
      return connect(requestTo(url), {purpose: 'watch', signal});
    },
  });
  const events = sampler.events(stopping.signal)[Symbol.asyncIterator]();
  const next: Listening['next'] = async isWanted => {
    for (;;) {
      const {value, done} = await events.next();
      if (done) throw new Error('the sampler ended');
      if (isWanted(value)) return value;
    }
  };
  return {
    sampler,
    next,
    async snapshot(isWanted = () => true) {
      const event = await next(each => each.kind === 'snapshot' && isWanted(each.snapshot));
      if (event.kind !== 'snapshot') throw new Error('not a snapshot');
      return event.snapshot;
    },
    async lost() {
      const event = await next(({kind}) => kind === 'lost');
      if (event.kind !== 'lost') throw new Error('not lost');
      return event;
    },
    connects: () => connects,
    async stop() {
      stopping.abort();
      await events.return?.();
    },
  };
}

describeEachMajor('sampler', major => {
  let server: OwnServer;
  let listening: Listening | null = null;
  const start = (options: Omit<SamplerOptions, 'connect'> = {}, url = server.url()) => {
    listening = listen(url, options);
    return listening;
  };
  const ownSessions = async () =>
    Number(
      (
        await server.query<{count: string}>(
          `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'poolctl'`,
        )
      )[0]?.count,
    );

  beforeAll(async () => {
    server = await startTestServer({
      major,
      settings: {max_connections: 12, superuser_reserved_connections: 2},
    });
    await server.query('CREATE EXTENSION pg_stat_statements');
    await server.query(`CREATE ROLE oncall LOGIN PASSWORD 'secret' IN ROLE pg_monitor`);
  });
  afterEach(async () => {
    await server.resume();
    await listening?.stop();
    listening = null;
  });
  afterAll(() => server?.stop());

  it('reads sessions first, statements right after, rates with the next read', async () => {
    // Before 15 the first statistics of a new server arrive with a delay, and look as if they had been reset.
    await until(async () => {
      const rows = await server.query(
        `SELECT FROM pg_stat_database WHERE datname = 'postgres' AND stats_reset IS NULL`,
      );
      return major >= 15 || rows.length === 0;
    });
    const {snapshot} = start();
    const first = await snapshot();
    expect(first).toMatchObject({statements: [], statements_info: null});
    expect(first.budget.used).toBeGreaterThan(0);
    const second = await snapshot();
    expect(second.at).toBe(first.at);
    expect(second.statements.length).toBeGreaterThan(0);
    expect(second.databases[0]?.rates).toBeUndefined();
    const third = await snapshot();
    expect(Date.parse(third.at)).toBeGreaterThan(Date.parse(first.at));
    expect(third.databases[0]?.rates).toBeDefined();
  });

  it('fetches the texts of statements that become visible', async () => {
    const {sampler, snapshot} = start({interval_ms: 60_000});
    const {statements} = await snapshot(read => read.statements.length > 0);
    const texts = statements.map(statementKey);
    const pending = snapshot(read => read.statements.some(({query}) => query !== null));
    sampler.setVisible({statements: true, texts});
    expect((await pending).statements.length).toBeGreaterThan(0);
  });

  it('reads what the Server view shows at once when it is opened, and only while it is open', async () => {
    const {sampler, snapshot} = start({interval_ms: 60_000});
    const texts: string[] = [];
    for (let index = 0; index < 3; index++) expect(await snapshot()).not.toHaveProperty('server');
    const opened = snapshot(read => read.server?.wal !== undefined);
    sampler.setVisible({statements: false, texts, server: 'shown'});
    expect((await opened).server).toHaveProperty('replication');
    sampler.setVisible({statements: false, texts, server: null});
    const closed = snapshot();
    sampler.refresh();
    expect(await closed).not.toHaveProperty('server');
  });

  it('listens once on a connection that is read again and again', async () => {
    const connection = await watch(server.url());
    const {connection: wire} = connection.rawClient as RawPgClient;
    await readOnce(connection, {rates_over_ms: null});
    const once = wire.listenerCount('readyForQuery');
    await readOnce(connection, {rates_over_ms: null});
    expect(wire.listenerCount('readyForQuery')).toBe(once);
    await connection.close();
  });

  it('reads at once on a manual refresh', async () => {
    const {sampler, snapshot} = start({interval_ms: 60_000});
    const second = [await snapshot(), await snapshot()][1];
    // The third arrives within a second, the fourth would take a minute.
    const third = await snapshot();
    const fourth = snapshot();
    sampler.refresh();
    expect(Date.parse((await fourth).at)).toBeGreaterThan(Date.parse(third.at));
    expect(second?.at).not.toBe(third.at);
  });

  it('reads statements as soon as a change has made them readable', async () => {
    await server.query('DROP EXTENSION pg_stat_statements');
    const {sampler, snapshot} = start({interval_ms: 60_000});
    const isMissed = ({unavailable}: Snapshot) => unavailable.some(({section}) => section === 'statements');
    for (let event = 1; event <= 3; event++) expect(isMissed(await snapshot())).toBe(true);
    await server.query('CREATE EXTENSION pg_stat_statements');
    sampler.refresh();
    expect(isMissed(await snapshot())).toBe(false);
    expect((await snapshot()).statements.length).toBeGreaterThan(0);
  });

  it('stops at once while waiting, and leaves no session behind', async () => {
    const {snapshot, stop, next} = start({interval_ms: 60_000});
    await snapshot();
    await snapshot();
    await snapshot();
    const pending = next(() => true);
    await stop();
    await expect(pending).rejects.toThrow('the sampler ended');
    while ((await ownSessions()) > 0);
  });

  it('reconnects after a restart, with one session', async () => {
    const {snapshot, lost} = start();
    const before = await snapshot();
    const restarted = server.restart();
    expect((await lost()).message).not.toBe('');
    await restarted;
    const after = await snapshot();
    expect(Date.parse(after.at)).toBeGreaterThan(Date.parse(before.at));
    expect(await ownSessions()).toBe(1);
  });

  it('reports a frozen server, keeps its connection, and continues afterwards', async () => {
    const {snapshot, lost, connects} = start({deadline_ms: 300});
    await snapshot();
    await snapshot();
    await server.pause();
    expect((await lost()).message).toContain('has not answered');
    await lost();
    expect(connects()).toBe(1);
    await server.resume();
    await snapshot();
    expect(connects()).toBe(1);
  });

  it('stops at once while the server is frozen', async () => {
    const {snapshot, lost, stop} = start({deadline_ms: 300});
    await snapshot();
    await server.pause();
    await lost();
    // The server answers only after this test.
    await expect(stop()).resolves.toBeUndefined();
  });

  it('reports with each snapshot whether the rescue URL was used', async () => {
    await server.query(`CREATE ROLE full LOGIN PASSWORD 'secret' CONNECTION LIMIT 0`);
    const request = requestTo(server.url({user: 'full', password: 'secret'}), {
      POOLCTL_RESCUE_URL: server.superuserUrl,
    });
    const stopping = new AbortController();
    const sampler = createSampler({interval_ms: 500, connect: () => connect(request, {purpose: 'watch'})});
    const ways: unknown[] = [];
    for await (const event of sampler.events(stopping.signal)) {
      if (event.kind === 'lost') continue;
      ways.push(event.viaRescueUrl);
      if (ways.length === 1) {
        await server.query(`ALTER ROLE full CONNECTION LIMIT -1`);
        await server.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'poolctl'`,
        );
      }
      if (event.snapshot.target.user === 'full') stopping.abort();
    }
    expect([ways.at(0), ways.at(-1)]).toEqual([true, false]);
  });

  it('does not try a refused login again before it is asked to, where a person is there', async () => {
    const {snapshot, next, sampler, connects} = start(
      {isAttended: true},
      server.url({user: 'oncall', password: 'secret'}),
    );
    await snapshot();
    await server.query(`ALTER ROLE oncall PASSWORD 'rotated'`);
    await server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'poolctl'`,
    );
    expect(await next(event => event.kind === 'lost' && event.sqlstate === '28P01')).toMatchObject({
      retry_in_ms: null,
    });
    const attempts = connects();
    await server.query(`ALTER ROLE oncall PASSWORD 'secret'`);
    const read = snapshot();
    sampler.setInterval(500);
    sampler.setVisible({statements: true, texts: ['1']});
    await new Promise(setImmediate);
    expect(connects()).toBe(attempts);
    sampler.refresh();
    expect((await read).budget.used).toBeGreaterThan(0);
    expect(connects()).toBe(attempts + 1);
  });

  it('reports that no slot is left while it reconnects, and takes the first free one', async () => {
    const {snapshot, next} = start({}, server.url({user: 'oncall', password: 'secret'}));
    await snapshot();
    await server.query('ALTER ROLE oncall CONNECTION LIMIT 0');
    await server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'poolctl'`,
    );
    // A read in progress when the session ended fails with the socket's error, without an SQLSTATE.
    await next(({kind}) => kind === 'lost');
    const refused = await next(event => event.kind === 'lost' && event.sqlstate === '53300');
    expect(refused).toMatchObject({
      retry_in_ms: expect.any(Number),
      message: expect.stringContaining('oncall'),
    });
    await server.query('ALTER ROLE oncall CONNECTION LIMIT -1');
    expect((await snapshot()).budget.used).toBeGreaterThan(0);
  });
});
