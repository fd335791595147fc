import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Output} from '../../../source/cli/context.ts';
import {printSnapshot} from '../../../source/commands/snapshot/command.ts';
import {connect} from '../../../source/postgres/connect/connect.ts';
import {readOnce} from '../../../source/postgres/sampler/sampler.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {requestTo} from '../../postgres/requests.ts';

function capture(overrides: Partial<Output> = {}) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const output: Output = {
    stdout: text => void stdout.push(text),
    stderr: text => void stderr.push(text),
    isTty: false,
    columns: 80,
    ...overrides,
  };
  return {stdout, stderr, output};
}

describe('snapshot', () => {
  it('begins with the schema version, on one line for a pipe and indented for a person', () => {
    const piped = capture();
    printSnapshot(createSnapshot(), piped.output);
    expect(piped.stdout.join('')).toMatch(/^\{"schema_version":1,"at":[^\n]*$/);
    const shown = capture({isTty: true});
    printSnapshot(createSnapshot(), shown.output);
    expect(shown.stdout.join('')).toMatch(/^\{\n {2}"schema_version": 1,\n/);
  });

  it('reports on stderr what could not be read', () => {
    const {stderr, output} = capture();
    const unavailable = [
      {section: 'statements', sqlstate: null, reason: 'not installed', remedy: 'CREATE EXTENSION x;'},
    ];
    printSnapshot(createSnapshot({unavailable}), output);
    expect(stderr).toEqual(['statements: not installed. CREATE EXTENSION x;']);
  });
});

describeEachMajor('snapshot of a server', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE EXTENSION pg_stat_statements');
    await server.query(`CREATE ROLE app LOGIN PASSWORD 'hunter2' IN ROLE pg_monitor`);
  });
  afterAll(() => server?.stop());

  const take = async (rates_over_ms: number | null) => {
    const connection = await connect(requestTo(server.url({user: 'app', password: 'hunter2'})), {
      purpose: 'watch',
    });
    const {stdout, output} = capture();
    try {
      printSnapshot(await readOnce(connection, {rates_over_ms}), output);
    } finally {
      await connection.close();
    }
    return stdout.join('');
  };

  it('has every section, statement texts included, and no password', async () => {
    const text = await take(null);
    expect(text).not.toContain('hunter2');
    const read = JSON.parse(text);
    expect(Object.keys(read)).toEqual(
      expect.arrayContaining([
        'target',
        'budget',
        'backends',
        'statements',
        'lock_waits',
        'databases',
        'unavailable',
      ]),
    );
    expect(read.unavailable).toEqual([]);
    expect(read.statements.length).toBeGreaterThan(0);
    expect(read.statements.every((statement: {query: unknown}) => typeof statement.query === 'string')).toBe(
      true,
    );
    expect(read.statements[0].calls_per_second).toBeUndefined();
  });

  it('has rates with a second snapshot', async () => {
    const {statements, databases} = JSON.parse(await take(100));
    expect(statements.some((statement: object) => 'calls_per_second' in statement)).toBe(true);
    expect(statements.some((statement: object) => 'rates' in statement)).toBe(false);
    expect(databases[0].interval_ms).toBeGreaterThan(0);
  });
});
