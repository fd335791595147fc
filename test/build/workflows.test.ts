import {readdirSync, readFileSync, statSync} from 'node:fs';
import {describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {brokenLinks} from '../../build/release-rules.mjs';

import {knownMajors} from '../helpers/majors.ts';

type Step = {run?: string; uses?: string; env?: Record<string, string>};
type Job = {steps: Step[]; 'timeout-minutes'?: number; permissions?: object; strategy?: {matrix: Matrix}};
type Matrix = {node: string[]; postgres: number[]; include: {node: string; postgres: number}[]};
type Workflow = {on: unknown; permissions: object; jobs: Record<string, Job>};

const {scripts, engines} = JSON.parse(readFileSync('package.json', 'utf8'));
const workflows = readdirSync('.github/workflows').map(
  name => [name, parse(readFileSync(`.github/workflows/${name}`, 'utf8')) as Workflow] as const,
);
const ci = workflows.find(([name]) => name === 'ci.yml')?.[1];
const release = workflows.find(([name]) => name === 'release.yml')?.[1];

describe.each(workflows)('%s', (_name, {on, permissions, jobs}) => {
  const steps = Object.values(jobs).flatMap(job => job.steps);

  test('runs only scripts that package.json has', () => {
    const named = steps.flatMap(({run = ''}) =>
      [...run.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
  });

  test('installs before it runs anything, and pins its actions', () => {
    for (const {steps: own} of Object.values(jobs))
      expect(own.findIndex(({run}) => run !== undefined)).toBe(own.findIndex(({run}) => run === 'npm ci'));
    for (const {uses} of steps) if (uses !== undefined) expect(uses).toMatch(/^actions\/[\w-]+@v\d+$/);
  });

  test('has triggers, a time limit for each job, and only read permission', () => {
    expect(on).toBeTruthy();
    expect(permissions).toEqual({contents: 'read'});
    for (const job of Object.values(jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0);
  });
});

test('every Node is tested on the newest PostgreSQL, every PostgreSQL on the oldest Node and on an LTS', () => {
  const {node, postgres, include} = ci?.jobs.test?.strategy?.matrix ?? {node: [], postgres: [], include: []};
  expect(postgres.toSorted((a, b) => b - a)).toEqual([...knownMajors]);
  expect([...node, ...include.map(each => each.node)].toSorted()).toEqual(['20.19', '22', '24', '26']);
  expect(include.every(each => each.postgres === Math.max(...knownMajors))).toBe(true);
  expect(engines.node).toBe('>=20.19');
  const run = ci?.jobs.test?.steps.find(step => step.run === 'npm run test:matrix');
  expect(run?.env).toEqual({POOLCTL_TEST_MAJORS: '$' + '{{ matrix.postgres }}'});
});

test('a release is checked and tested, then published with provenance and without a token', () => {
  const steps = release?.jobs.publish?.steps ?? [];
  const runs = steps.flatMap(({run}) => run ?? []);
  expect(runs.at(-1)).toBe('npm publish --provenance --access public');
  expect(runs).toEqual(
    expect.arrayContaining(['npm run release:check -- --tag "$GITHUB_REF_NAME"', 'npm test']),
  );
  expect(release?.jobs.publish?.permissions).toEqual({contents: 'read', 'id-token': 'write'});
  expect(readFileSync('.github/workflows/release.yml', 'utf8')).not.toContain('secrets.');
});

describe('issue forms', () => {
  const names = readdirSync('.github/ISSUE_TEMPLATE').filter(name => name !== 'config.yml');

  test.each(names)('%s is a form that GitHub shows', name => {
    const form = parse(readFileSync(`.github/ISSUE_TEMPLATE/${name}`, 'utf8'));
    expect(form).toMatchObject({name: expect.any(String), description: expect.any(String)});
    for (const {type, id, attributes} of form.body) {
      expect(['markdown', 'textarea', 'input', 'dropdown', 'checkboxes']).toContain(type);
      if (type === 'markdown') expect(attributes.value).toEqual(expect.any(String));
      else expect({id, label: attributes.label}).toEqual({id: expect.any(String), label: expect.any(String)});
    }
    const ids = form.body.flatMap(({id}: {id?: string}) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('exist for a bug, a wrong figure and an unsafe action; an issue without a form is not possible', () => {
    expect(names.toSorted()).toEqual(['bug.yml', 'unsafe-act.yml', 'wrong-figure.yml']);
    expect(parse(readFileSync('.github/ISSUE_TEMPLATE/config.yml', 'utf8'))).toEqual({
      blank_issues_enabled: false,
    });
  });
});

test.each(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'])('links of %s resolve', name => {
  const own = readdirSync('.').filter(entry => !['node_modules', 'dist', '.git'].includes(entry));
  const files = own.flatMap(entry =>
    statSync(entry).isDirectory()
      ? readdirSync(entry, {recursive: true, encoding: 'utf8'}).map(each => `${entry}/${each}`)
      : entry,
  );
  expect(brokenLinks(name, readFileSync(name, 'utf8'), files)).toEqual([]);
});
