import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {compileSqlEndpoint} from '../../../source/replay/endpoint/sql-endpoint.ts';
import {loadEndpointFile} from '../../../source/replay/prisma/endpoint-file.ts';
import type {TestServer} from '../../helpers/server.ts';
import {demoPrisma, replayOn, startFilledServer} from '../prisma/stage.ts';
import {openCapture} from './through.ts';

const folder = fileURLToPath(new URL('../../../recipes/endpoints', import.meta.url));

/** Endpoints of the demo before the fix, and what the captured file has to contain. */
const endpoints: [string, {queries: number; words: string[]}][] = [
  ['students-list', {queries: 53, words: ['@each']}],
  ['reports-dashboard', {queries: 22, words: ['@parallel']}],
  ['manager-agents', {queries: 51, words: ['@each']}],
];

describe('an endpoint captured from a Prisma Client', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startFilledServer();
  });
  afterAll(() => server?.stop());

  it.each(endpoints)('%s sends the same statements when it is replayed', async (name, {queries, words}) => {
    const endpoint = await loadEndpointFile(`${folder}/${name}.ts`);
    const database = endpoint.demoDatabase === 'taskdesk' ? 'taskdesk' : 'assessments';
    const prisma = await demoPrisma(database);
    const capture = await openCapture(server.url({database}));
    onTestFinished(() => capture.close());
    const captured = {...server, url: (options = {}) => capture.through(server.url(options))};
    const [sample = {}] = endpoint.samples;
    const before = endpoint.variants.filter(variant => variant.name === 'before');
    await replayOn(
      captured,
      {endpoint: {...endpoint, samples: [sample], variants: before}, prisma},
      {requests: 1},
    );
    const text = capture.text();
    for (const word of words) expect(text).toContain(`-- ${word}`);

    const replayed = compileSqlEndpoint(capture.read(), 'captured.sql');
    const [result] = await replayOn(
      server,
      {endpoint: {...replayed, demoDatabase: database}, prisma},
      {requests: 2},
    );
    expect(result?.failures).toEqual([]);
    expect(result?.queries_per_request).toBe(queries);
  });
});
