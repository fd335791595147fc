import {rm} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {ioRates} from '../../../source/core/server/io.ts';
import {progressRate} from '../../../source/core/server/progress.ts';
import {serverRows} from '../../../source/core/server/topics/index.ts';
import type {ServerState} from '../../../source/model/server-state.ts';
import type {CommandProgress, ServerLog} from '../../../source/model/server-work.ts';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {readHost} from '../../../source/postgres/facts/host.ts';
import {
  createProgressReader,
  readProgress,
  readStepProgress,
} from '../../../source/postgres/facts/progress.ts';
import {readServerIo} from '../../../source/postgres/facts/server-io.ts';
import {readServerLog} from '../../../source/postgres/facts/server-log.ts';
import {showsItsHost} from '../../helpers/majors.ts';
import {describeEachMajor, type OwnServer, shareTestServer, startTestServer} from '../../helpers/server.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {until, watch} from '../watching.ts';

describeEachMajor('what the server does', major => {
  let server: OwnServer;
  let connection: Connection;

  beforeAll(async () => {
    server = await startTestServer({
      major,
      settings: {
        // A vacuum that sleeps after each page, in real commands that take as long as a test needs.
        shared_buffers: '1MB',
        vacuum_cost_delay: '100ms',
        vacuum_cost_limit: 1,
        max_prepared_transactions: 2,
        logging_collector: 'on',
        log_destination: major >= 15 ? 'stderr,csvlog,jsonlog' : 'stderr,csvlog',
        log_line_prefix: '%m [%p] %q%a/%u@%d ',
        log_timezone: 'Europe/Berlin',
        deadlock_timeout: '20ms',
      },
    });
    await server.query(`CREATE ROLE anyone LOGIN PASSWORD 'secret'`);
    await server.query(
      'CREATE TABLE orders AS SELECT g AS id, repeat(md5(g::text), 20) AS note FROM generate_series(1, 20000) g',
    );
    connection = await watch(server.url());
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  const rowsOf = (state: ServerState, topic: string) =>
    serverRows({snapshot: createSnapshot(), state}, 'not read').filter(row => row.topic === topic);

  const progressOf = async (command: string): Promise<CommandProgress | undefined> =>
    (await readProgress(connection)).find(each => each.command === command);

  it('follows a VACUUM, and knows its rate from two readings', async () => {
    const client = await server.connect({application_name: 'upkeep'});
    const vacuum = client.query('VACUUM orders').catch(() => {});
    const first = await until(async () => {
      const found = await progressOf('vacuum');
      return (found?.done ?? 0) > 0 && found;
    });
    expect(first).toMatchObject({
      ...{relation: 'public.orders', phase: 'scanning heap', unit: 'blocks', application_name: 'upkeep'},
      ...{usename: 'postgres', waits_for: null},
    });
    const second = await until(async () => {
      const found = await progressOf('vacuum');
      return (found?.done ?? 0) > (first.done ?? 0) && found;
    });
    const {per_second, left_ms, done_ratio} = progressRate(second, [first]);
    expect(per_second).toBeGreaterThan(0);
    expect(left_ms).toBeGreaterThan(0);
    expect(done_ratio).toBeCloseTo((second.done ?? 0) / (second.total ?? 0));
    await server.query(`SELECT pg_cancel_backend(pid) FROM pg_stat_progress_vacuum`);
    await vacuum;
  });

  it('says whom a CREATE INDEX CONCURRENTLY waits for', async () => {
    const writer = await server.connect({application_name: 'web'});
    await writer.query('BEGIN; UPDATE orders SET note = note WHERE id = 1');
    const builder = await server.connect();
    const build = builder.query('CREATE INDEX CONCURRENTLY orders_id ON orders (id)').catch(() => {});
    const waiting = await until(async () => {
      const found = await progressOf('create index concurrently');
      return found?.waits_for != null && found;
    });
    expect(waiting).toMatchObject({
      phase: 'waiting for writers before build',
      unit: 'sessions',
      wait: 'Lock:virtualxid',
      waits_for: {description: 'web postgres idle in transaction'},
    });
    // A step of a recipe reads the same of its one session.
    expect(await readStepProgress(connection, waiting.pid)).toEqual({
      phase: 'waiting for writers before build',
      done_ratio: 0,
      waiting_for: waiting.waits_for,
    });
    const [row] = rowsOf({progress: await createProgressReader()(connection)}, 'progress');
    expect(row).toMatchObject({
      verdict: 'warning',
      text: expect.stringMatching(
        /^create index concurrently .*: waiting for writers before build, 0%; waits for \d+ web postgres idle in transaction$/,
      ),
    });
    await writer.query('ROLLBACK');
    await build;
    expect(await progressOf('create index concurrently')).toBeUndefined();
    expect(await readStepProgress(connection, waiting.pid)).toBeNull();
  });

  it('says of a command without progress that it is running', async () => {
    const {rows} = await connection.client.query<{pid: number}>({text: 'SELECT pg_backend_pid() AS pid'});
    expect(await readStepProgress(connection, rows[0]?.pid ?? 0)).toEqual({
      phase: 'running',
      done_ratio: null,
      waiting_for: null,
    });
  });

  it.runIf(major >= 14)('follows a COPY, and hides it from a plain role', async () => {
    const client = await server.connect();
    // The other end writes nothing: psql, and a loader that reads slowly.
    const copy = client
      .query(`COPY (SELECT repeat('x', 1000), pg_sleep(0.01) FROM generate_series(1, 100000)) TO '/dev/null'`)
      .catch(() => {});
    const found = await until(async () => {
      const each = await progressOf('copy to');
      return (each?.done ?? 0) > 0 && each;
    });
    expect(found).toMatchObject({phase: 'to file', total: null, unit: 'bytes'});
    const plain = await watch(server.url({user: 'anyone', password: 'secret'}));
    const [hidden] = await readProgress(plain);
    expect(hidden).toMatchObject({command: 'copy', phase: 'hidden from this role', done: null});
    await plain.close();
    await server.query('SELECT pg_cancel_backend(pid) FROM pg_stat_progress_copy');
    await copy;
  });

  it('says which relation the disk is read for, and by which processes', async () => {
    const before = await readServerIo(connection);
    const client = await server.connect();
    const rates = await until(async () => {
      // Larger than the cache of 1 MB. Its figures are reported at its ends.
      await client.query('SELECT count(*) FROM orders');
      const found = ioRates(before, await readServerIo(connection));
      return (found?.relations[0]?.name === 'public.orders' && found) || undefined;
    });
    expect(rates.relations[0]?.share).toBeGreaterThan(0.9);
    const [row] = rowsOf({io: {...before, rates: {...rates, interval_ms: 1000}}}, 'I/O');
    expect(row?.text).toContain(' for public.orders');
    if (major >= 16) {
      const backends = rates.processes?.find(({backend_type}) => backend_type === 'client backend');
      expect(backends?.read_bytes_per_second).toBeGreaterThan(0);
    } else expect(rates.processes).toBeNull();
    if (major < 14) expect(rates.wal).toBeNull();
  });

  it('counts the bytes that the server counts', async () => {
    const read_bytes = major >= 18 ? 'read_bytes' : 'reads * op_bytes';
    if (major < 16) return;
    const total = async () =>
      Number(
        (await server.query(`SELECT sum(${read_bytes}) AS bytes FROM pg_stat_io WHERE object <> 'wal'`))[0]
          ?.bytes,
      );
    const low = await total();
    const {counters} = await readServerIo(connection);
    const sum = (counters ?? []).reduce(
      (bytes, each) => bytes + (each.object === 'wal' ? 0 : each.read_bytes),
      0,
    );
    expect(sum).toBeGreaterThanOrEqual(low);
    expect(sum).toBeLessThanOrEqual(await total());
  });

  const showsHost = showsItsHost(major);
  it.runIf(showsHost)('proves that it runs on the server, and reads the host', async () => {
    const host = await readHost(connection);
    expect(host).toMatchObject({kind: 'here', disks_unknown: null, disks: [{what: 'data directory'}]});
    if (host.kind === 'here') {
      expect(host.memory.available_bytes).toBeLessThan(host.memory.total_bytes);
      expect(host.disks[0]?.free_bytes).toBeLessThanOrEqual(host.disks[0]?.size_bytes ?? 0);
    }
    // Another machine's /proc, or another pid namespace's.
    expect(await readHost(connection, '/nowhere')).toMatchObject({kind: 'elsewhere'});
    const plain = await watch(server.url({user: 'anyone', password: 'secret'}));
    expect(await readHost(plain)).toMatchObject({
      kind: 'here',
      disks: [],
      disks_unknown: expect.stringContaining('pg_read_all_settings'),
    });
    await plain.close();
  });

  const logOf = (log_file: string) => ({...connection, request: {...connection.request, log_file}});
  const files = async () => {
    const formats = major >= 15 ? ['stderr', 'csvlog', 'jsonlog'] : ['stderr', 'csvlog'];
    const rows = await server.query<{file: string}>(
      'SELECT pg_current_logfile(f) AS file FROM unnest($1::text[]) f',
      [formats],
    );
    return rows.map(({file}) => join(server.folder, 'data', file));
  };

  it('reads a deadlock, a timeout, a refused session and a refused write from each format of the log', async () => {
    const [one, two] = [
      await server.connect({application_name: 'one'}),
      await server.connect({application_name: 'two'}),
    ];
    for (const [client, id] of [
      [one, 1],
      [two, 2],
    ] as const)
      await client.query(`BEGIN; UPDATE orders SET note = 'a' WHERE id = ${id}`);
    await Promise.allSettled([
      one.query('UPDATE orders SET note = note WHERE id = 2'),
      two.query('UPDATE orders SET note = note WHERE id = 1'),
    ]);
    await two.query('ROLLBACK');
    await one.query('ROLLBACK');
    await one.query(`SET statement_timeout = '10ms'`);
    await one.query('SELECT pg_sleep(9)').catch(() => {});
    await two.query('SET default_transaction_read_only = on');
    await two.query(`INSERT INTO orders VALUES (1, 'password=hunter2')`).catch(() => {});
    await server.query('ALTER ROLE anyone CONNECTION LIMIT 0');
    await server.connect({user: 'anyone', password: 'secret'}).catch(() => {});

    for (const file of await files()) {
      const log: ServerLog = await until(
        async () => {
          const read = await readServerLog(logOf(file));
          return (
            ['40P01', '57014', '25006', '53300'].every(code =>
              read.errors.some(({sqlstate}) => sqlstate === code),
            ) &&
            read !== null &&
            read
          );
        },
        () => readServerLog(logOf(file)),
      );
      expect(log.problem).toBeNull();
      expect(rowsOf({server_log: log}, 'errors').map(({text}) => text)).toContainEqual(
        expect.stringMatching(
          /^25006 cannot execute INSERT in a read-only transaction: 1 time, .*two\/postgres$/,
        ),
      );
      const [deadlock] = log.deadlocks;
      expect(deadlock?.processes).toHaveLength(2);
      expect(deadlock?.processes[0]).toMatchObject({
        waits_for: expect.stringMatching(/^ShareLock on transaction/),
        statement: expect.stringContaining('UPDATE orders'),
      });
      expect(deadlock?.context).toContain('relation "orders"');
      expect(log.errors.find(({sqlstate}) => sqlstate === '25006')).toMatchObject({
        ...{application_name: 'two', usename: 'postgres', datname: 'postgres', count: 1},
        message: 'cannot execute INSERT in a read-only transaction',
      });
      expect(log.errors.find(({sqlstate}) => sqlstate === '53300')).toMatchObject({
        severity: 'FATAL',
        usename: 'anyone',
      });
      expect(JSON.stringify(log)).not.toContain('hunter2');
      const [row] = await server.query<{ms: number}>('SELECT extract(epoch FROM now()) * 1000 AS ms');
      expect(Math.abs(Number(row?.ms) - Date.parse(log.to ?? ''))).toBeLessThan(60_000);
    }
  });

  it.runIf(showsHost)('finds the current log by itself where it runs on the server', async () => {
    const file = (await files()).at(-1);
    expect(await readServerLog(connection)).toMatchObject({file, problem: null});
    for (const [named, reason] of [
      ['/no/such.log', 'ENOENT'],
      [server.folder, 'it is not a file'],
    ] as const)
      expect(await readServerLog(logOf(named))).toMatchObject({
        file: null,
        problem: expect.stringContaining(`${named} cannot be read: ${reason}`),
      });
    await server.query('ALTER ROLE anyone CONNECTION LIMIT -1');
    const plain = await watch(server.url({user: 'anyone', password: 'secret'}));
    expect(await readServerLog(plain)).toMatchObject({
      file: null,
      problem: expect.stringContaining('--log FILE'),
    });
    await plain.close();
  });

  it.runIf(showsHost)(
    'finds it where a server without a collector writes it: the file of its standard error',
    async () => {
      const other = await shareTestServer({major});
      const beside = await watch(other.url());
      await other.query('SELECT 1 FROM no_such_table').catch(() => {});
      const log = await until(async () => {
        const read = await readServerLog(beside);
        return (
          read.errors.some(({sqlstate, message}) => sqlstate === '42P01' || /no_such_table/.test(message)) &&
          read
        );
      });
      expect(log).toMatchObject({file: expect.stringMatching(/\/postgres\.log$/), problem: null});
      await beside.close();
      await other.stop();
    },
  );

  it.runIf(showsHost)('has no log where the file of its standard error was deleted', async () => {
    const own = await startTestServer({major});
    const beside = await watch(own.url());
    const {file} = await readServerLog(beside);
    await rm(file ?? '');
    expect(await readServerLog(beside)).toMatchObject({
      file: null,
      problem: expect.stringMatching(/the file of its standard error was deleted/),
    });
    await beside.close();
    await own.stop();
  });
});
