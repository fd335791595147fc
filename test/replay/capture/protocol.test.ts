import pg from 'pg';
import {afterAll, beforeAll, beforeEach, expect, it, onTestFinished} from 'vitest';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {type Capture, openCapture, outputOf, pgbench, statementsOf} from './through.ts';

/** pg's own connection, which sends single messages of the protocol. */
type Wire = {
  parse(options: {name?: string; text: string; types?: number[]}): void;
  bind(options: {portal?: string; statement?: string; values?: unknown[]; binary?: boolean}): void;
  describe(options: {type: 'S' | 'P'; name?: string}): void;
  execute(options: {portal?: string; rows?: number}): void;
  sync(): void;
  once(event: 'readyForQuery' | 'errorMessage', heard: () => void): void;
};

describeEachMajor('the capture of the extended protocol', major => {
  let server: TestServer;
  let capture: Capture;
  beforeAll(async () => {
    server = await shareTestServer({major});
    capture = await openCapture(server.superuserUrl);
    await server.query(`CREATE TYPE mood AS ENUM ('ok', 'sad')`);
  });
  beforeEach(() => capture.log.clear());
  afterAll(async () => {
    await capture?.close();
    await server?.stop();
  });

  const connect = async () => {
    const client = new pg.Client({connectionString: capture.through(server.superuserUrl)});
    client.on('error', () => {});
    await client.connect();
    onTestFinished(() => client.end());
    const wire = (client as unknown as {connection: Wire}).connection;
    // The client has no running query, so it would reject the answers.
    (client as unknown as {connection: NodeJS.EventEmitter}).connection.removeAllListeners('rowDescription');
    for (const event of ['dataRow', 'commandComplete', 'parseComplete', 'portalSuspended', 'errorMessage'])
      (client as unknown as {connection: NodeJS.EventEmitter}).connection.removeAllListeners(event);
    return {client, wire, ready: () => new Promise<void>(resolve => wire.once('readyForQuery', resolve))};
  };
  const int4 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };

  it('decodes binary parameters of declared types, and casts to the declared type', async () => {
    const {wire, ready} = await connect();
    wire.parse({
      name: 's',
      text: `SELECT $1, $2::text, '$1' /* $1 */ FROM pg_class WHERE oid = $3`,
      types: [23, 0, 26],
    });
    wire.bind({statement: 's', values: [int4(42), 'x', int4(7)]});
    wire.execute({});
    wire.sync();
    await ready();
    expect(statementsOf(capture.read())).toEqual([
      [`SELECT $1::int4, $2::text, '$1' /* $1 */ FROM pg_class WHERE oid = $3::oid`, 42, 'x', 7],
    ]);
  });

  it('decodes binary parameters whose types the server reported, and keeps bytes of unknown types', async () => {
    const {wire, ready} = await connect();
    wire.parse({name: 's', text: 'SELECT 1 WHERE $1 = 3 AND $2::mood IS NULL'});
    wire.describe({type: 'S', name: 's'});
    wire.sync();
    await ready();
    wire.bind({statement: 's', values: [int4(42), Buffer.from('sad')]});
    wire.execute({});
    wire.sync();
    await ready();
    expect(statementsOf(capture.read())).toEqual([
      ['SELECT 1 WHERE $1 = 3 AND $2::mood IS NULL', 42, `\\x${Buffer.from('sad').toString('hex')}`],
    ]);
  });

  it('counts a portal fetched in parts once, and decodes rows of binary results', async () => {
    const {wire, ready} = await connect();
    wire.parse({text: 'SELECT n FROM generate_series(1, 3) n'});
    wire.bind({});
    for (let part = 0; part < 3; part++) wire.execute({rows: 1});
    wire.execute({rows: 0});
    wire.sync();
    await ready();
    wire.parse({text: 'SELECT n FROM generate_series(11, 12) n'});
    wire.bind({binary: true});
    wire.describe({type: 'P'});
    wire.execute({});
    wire.sync();
    await ready();
    for (const value of [11, 12]) {
      wire.parse({text: 'SELECT $1', types: [23]});
      wire.bind({values: [int4(value)]});
      wire.execute({});
      wire.sync();
      await ready();
    }
    expect(statementsOf(capture.read())).toEqual([
      ['SELECT n FROM generate_series(1, 3) n'],
      ['SELECT n FROM generate_series(11, 12) n'],
      {kind: 'each', body: [['SELECT $1::int4', '$n']]},
    ]);
  });

  it('marks statements that the server skipped after an error, and continues after the Sync', async () => {
    const {wire, ready} = await connect();
    for (const text of ['SELECT 1', 'SELECT 1/0', 'SELECT 3']) {
      wire.parse({text});
      wire.bind({});
      wire.execute({});
    }
    wire.sync();
    await ready();
    wire.parse({text: 'SELECT 4'});
    wire.bind({});
    wire.execute({});
    wire.sync();
    await ready();
    expect(statementsOf(capture.read())).toEqual([['SELECT 1'], ['SELECT 4']]);
    expect(capture.text()).toContain('1 statement skipped: failed with 22012');
    expect(capture.text()).toContain('1 statement skipped: not executed by the server after an error');
  });

  it.runIf(pgbench)('reads a benchmark of prepared statements to its end', async () => {
    await outputOf(pgbench, ['-i', '-q', '-s', '1', capture.through(server.superuserUrl)]);
    capture.log.clear();
    await outputOf(pgbench, ['-n', '-M', 'prepared', '-t', '3', capture.through(server.superuserUrl)]);
    // First, pgbench queries the size of its tables.
    const transactions = statementsOf(capture.read()).slice(-3) as {kind: string; body: unknown[][]}[];
    expect(transactions.map(({kind}) => kind)).toEqual(['transaction', 'transaction', 'transaction']);
    for (const {body} of transactions) {
      const words = body.map(([text]) => String(text).split(' ')[0]);
      expect(words).toEqual(['UPDATE', 'SELECT', 'UPDATE', 'UPDATE', 'INSERT']);
    }
  });
});
