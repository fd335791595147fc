import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {Ajv2020, type ValidateFunction} from 'ajv/dist/2020.js';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {createCliRoles, leak, runProgram, temporaryHome, urlOf} from '../cli/run-program.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import {generateSchemas, type Schema} from './generate.ts';

const schemas = generateSchemas();

it.each([...schemas])('docs/schemas/%s.json is the type of what is printed', async (name, schema) => {
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(
    `../../docs/schemas/${name}.json`,
    'run npm run schemas',
  );
});

/** Members that a schema does not list are allowed, so that documents can be extended; here they are mistakes. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const own = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]));
  return 'properties' in own && 'type' in own && !('additionalProperties' in own)
    ? {...own, additionalProperties: false}
    : own;
}

const ajv = new Ajv2020({strict: false, allErrors: true});
const validators = new Map<string, ValidateFunction>(
  [...schemas].map(([name, schema]) => [name, ajv.compile(strict(schema) as Schema)]),
);

function expectValid(name: string, document: unknown): void {
  const validate = validators.get(name);
  expect([validate?.(document), validate?.errors], name).toEqual([true, null]);
}

describe('what the program prints on a server with a leak', () => {
  let server: TestServer;
  let home: string;
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  const print = async (...args: string[]) => (await runProgram(args, {home})).stdout;
  const printJson = async (...args: string[]) => JSON.parse(await print(...args, '--json'));

  it('is as its schema says', async () => {
    home = await temporaryHome();
    const url = urlOf(server, 'oncall');
    const sessions = await Promise.all([1, 2].map(() => leak(server, {application_name: 'web'})));
    expectValid('snapshot', JSON.parse(await print('snapshot', url, '--rates', '1s')));
    await writeFile(join(home, 'before.json'), await print('snapshot', url));
    expectValid('check', await printJson('check', url));
    const more = ['--baseline', 'before.json', '--application', 'web', '--max-used', '90%'];
    const watched = await printJson('check', url, '--for', '2s', '--every', '0.5s', ...more);
    expectValid('check', watched);
    expect(watched).toMatchObject({watch: {readings: expect.any(Number)}, applications: [{}], baseline: {}});

    await writeFile(join(home, 'm.sql'), 'ALTER TABLE t ADD a uuid DEFAULT gen_random_uuid(); VACUUM');
    expectValid('preflight', await printJson('preflight', 'm.sql'));
    expectValid('preflight', await printJson('preflight', 'm.sql', url, '--rates', '0.2s'));

    const call = ['kill-idle-sessions', url, '--set', 'older_than=0s', '--set', 'application=web'];
    const plan = await printJson('run', ...call, '--dry-run');
    expect(plan.steps).toHaveLength(2);
    expectValid('plan', plan);
    const run = await printJson('run', ...call, '--yes', '--journal', 'j.jsonl');
    expect(run.steps).toMatchObject([{outcome: 'verified'}, {outcome: 'verified'}]);
    expectValid('run', run);

    const stages =
      '  - {name: all, promote: true, rollback: true}\n  - {name: end, promote: ls, rollback: none, approval: true}';
    await writeFile(join(home, 'plan.yaml'), `name: web\nstages:\n${stages}\n`);
    const rollout = (verb: string, ...args: string[]) =>
      printJson('rollout', verb, 'plan.yaml', ...args, '--journal', 'j.jsonl');
    expectValid('rollout', await rollout('status'));
    await print('rollout', 'run', 'plan.yaml', '--approve-stage', 'all', '--journal', 'j.jsonl');
    expectValid('rollout', await rollout('abort', '--dry-run'));
    expectValid('rollout', await rollout('abort', '--yes'));

    const entries = (await readFile(join(home, 'j.jsonl'), 'utf8')).trim().split('\n');
    const parsed = entries.map(line => JSON.parse(line));
    expect(new Set(parsed.map(({event}) => event))).toEqual(
      new Set(['run', 'intent', 'outcome', 'end', 'rollout', 'stage']),
    );
    for (const entry of parsed) expectValid('journal-entry', entry);
    const recording = join(process.cwd(), 'test/incidents/recordings/lock-queue.poolctl');
    expectValid('report', await printJson('report', recording));
    const report = await printJson('report', '--since', '1h', '--journal', 'j.jsonl');
    expectValid('report', report);
    expect(report).toMatchObject({runs: [{status: 'done'}], rollouts: [{name: 'web'}], statements: null});
    await Promise.all(sessions.map(each => each.end().catch(() => {})));
  });
});
