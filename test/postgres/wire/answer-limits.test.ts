import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {answerLimits, UnreadableAnswerError} from '../../../source/postgres/connect/open-client.ts';
import {createSampler} from '../../../source/postgres/sampler/sampler.ts';
import {failing} from '../../cli/run-program.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {listen, welcome} from '../connect/listeners.ts';
import {rejection, requestTo} from '../requests.ts';

/** The header of a message: its type, and its length, which includes itself. */
function header(type: string, length: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes.write(type);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** RowDescription of a column `x`, a text. */
const columns = Buffer.concat([
  header('T', 26),
  Buffer.from('\0\x01x\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0', 'latin1'),
]);

/** A row of one column that holds `1`. */
const row = Buffer.concat([header('D', 11), Buffer.from([0, 1, 0, 0, 0, 1, 0x31])]);

const parameters = {server_version: '16.4', default_transaction_read_only: 'on'};

/** Accepts the session and answers the first query with `answer`, repeatedly where it is endless. */
async function startHostile(
  answer: Buffer,
  {before = Buffer.alloc(0), isEndless = false, isAtOnce = false} = {},
): Promise<string> {
  const listener = await listen(socket => {
    let heard = 0;
    const send = () => {
      if (!socket.destroyed && socket.write(answer) && isEndless) setImmediate(send);
    };
    socket.on('drain', () => isEndless && send());
    socket.on('data', () => {
      heard++;
      if (heard === 1) socket.write(isAtOnce ? answer : welcome(parameters));
      if (heard !== 2) return;
      socket.write(before);
      send();
    });
  });
  onTestFinished(listener.close);
  return `postgres://app@127.0.0.1:${listener.port}/d?sslmode=disable`;
}

async function asked(url: string): Promise<{error: unknown; lost: Error}> {
  const connection = await connect(requestTo(url), {purpose: 'watch'});
  const error = await rejection(connection.client.query('SELECT 1'));
  return {error, lost: await connection.lost};
}

describe('a hostile server', () => {
  it.each([
    [
      'announces a row of 768 MB',
      Buffer.concat([columns, header('D', 768 * 2 ** 20), Buffer.from([0, 1])]),
      false,
      /^a row of 768M, and poolctl reads up to 32M$/,
    ],
    ['announces a message of 2 GB', header('E', 2 ** 31), false, /^a message of 2\S*G,/],
    [
      'sends rows without end',
      Buffer.concat(Array.from({length: 4096}, () => row)),
      true,
      /^more than 1000000 rows/,
    ],
    [
      'sends large rows without end',
      Buffer.concat([
        header('D', 2 ** 20 + 10),
        Buffer.from([0, 1, 0, 0x10, 0, 0]),
        Buffer.alloc(2 ** 20, 0x78),
      ]),
      true,
      /^more than 128M in one answer/,
    ],
    [
      'sends a message shorter than its length',
      Buffer.concat([columns, header('D', 5), Buffer.from([0, 1])]),
      false,
      /^invalid protocol data/,
    ],
    ['sends a message of no known type', Buffer.concat([header('?', 4)]), false, /^invalid protocol data/],
  ])('%s: the query fails, the connection is closed', async (_, answer, isEndless, message) => {
    const {error, lost} = await asked(
      await startHostile(answer, isEndless ? {before: columns, isEndless} : {}),
    );
    expect(error).toBeInstanceOf(UnreadableAnswerError);
    expect(error).toMatchObject({message: expect.stringMatching(message)});
    expect(lost).toBe(error);
  });

  it('is reported with its address if it does so before authentication', async () => {
    const url = await startHostile(Buffer.concat([welcome({}).subarray(0, 9), header('S', 2 ** 26)]), {
      isAtOnce: true,
    });
    expect(await rejection(connect(requestTo(url), {purpose: 'watch'}))).toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /^127\.0\.0\.1:\d+ sent a message of 64M, and poolctl reads up to 1\S*M; the connection was closed/,
      ),
    });
  });

  it('is reported by the console as a lost connection, with its address', async () => {
    const url = await startHostile(Buffer.concat([columns, header('D', 768 * 2 ** 20), Buffer.from([0, 1])]));
    const sampler = createSampler({
      interval_ms: 500,
      connect: () => connect(requestTo(url), {purpose: 'watch'}),
    });
    const ending = new AbortController();
    for await (const reading of sampler.events(ending.signal)) {
      expect(reading).toMatchObject({
        kind: 'lost',
        message: expect.stringMatching(/^127\.0\.0\.1:\d+ sent a row of 768M/),
      });
      ending.abort();
    }
    expect.assertions(1);
  });

  it('makes the program exit with 3', async () => {
    const url = await startHostile(Buffer.concat([columns, header('D', 768 * 2 ** 20), Buffer.from([0, 1])]));
    const [code, stderr] = await failing(['snapshot', url]);
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(/sent a row of 768M, and poolctl reads up to 32M; the connection was closed/),
    ]);
  });
});

describeMainMajor('a server with more data than poolctl reads', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
  });
  afterAll(() => server?.stop());

  const query = async (text: string) => {
    const connection = await connect(requestTo(server.superuserUrl), {purpose: 'act'});
    onTestFinished(() => connection.close());
    return connection.client.query(text);
  };

  it('is read within the limits', async () => {
    const {rows} = await query(`SELECT repeat('x', ${answerLimits.row_bytes - 100}) AS x`);
    expect((rows[0] as {x: string}).x).toHaveLength(answerLimits.row_bytes - 100);
    expect((await query('SELECT 1 FROM generate_series(1, 200000)')).rows).toHaveLength(200_000);
  });

  it.each([
    ['a value', `SELECT repeat('x', 1000000 * 40)`, /^a row of 38\S*M/],
    ['rows', 'SELECT 1 FROM generate_series(1, 1000100)', /^more than 1000000 rows/],
  ])('is disconnected if %s exceeds the limit', async (_, text, message) => {
    const error = await rejection(query(text));
    expect(error).toBeInstanceOf(UnreadableAnswerError);
    expect(error).toMatchObject({message: expect.stringMatching(message)});
  });
});
