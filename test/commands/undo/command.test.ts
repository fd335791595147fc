import {chmod, readFile, stat, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {undoRun} from '../../../source/commands/undo/command.ts';
import type {Plan, Recipe} from '../../../source/model/recipe.ts';
import type {SqlStep, Step, Verification} from '../../../source/model/step.ts';
import {createActing, createRoles, leak, noFlags, temporaryFolder} from '../../cli/execution/acting.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {intentOf} from '../../journal/drafts.ts';

const secretUrl = 'postgres://app:hunter2@db/shop?connection_limit=40&schema=public';

/** Limits the role `app` and the application's pool: one step on the server, one in a file. */
function limitRecipe(path: string): Recipe {
  const plan = (): Plan => ({
    recipe: 'limit',
    params: {},
    explanation: ['limits app'],
    steps: [limitStep(-1, 7), envStep(path)],
    skipped: [],
    batch_size: 10,
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  });
  return {id: 'limit', title: 'limit', summary: 'limit', parameters: [], diagnose: () => [], plan};
}

function limitStep(from: number, to: number): SqlStep {
  const sql = (limit: number) => ({text: `ALTER ROLE app CONNECTION LIMIT ${limit}`, values: []});
  const undo = {apply: sql(from), guard: limitIs(to), verify: limitIs(from)};
  const how = {lock: 'none', transaction: true, timeout_ms: 5000} as const;
  return {
    ...{kind: 'sql', title: 'limit app', subject: 'role:app', undo, ...how},
    ...{guard: limitIs(from), apply: sql(to), verify: limitIs(to)},
    measures: [{name: 'limit', query: limitIs(to).query}],
  };
}

function limitIs(value: number): Verification {
  const text = 'SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = $1';
  return {query: {text, values: ['app']}, expect: {column: 'rolconnlimit', op: '=', value}};
}

function envStep(path: string): Step {
  return {
    ...{kind: 'file', title: 'limit the pool', subject: 'file:.env', path},
    change: {
      kind: 'url_parameters',
      variable: 'DATABASE_URL',
      before: {connection_limit: '40', pool_timeout: null},
      after: {connection_limit: '5', pool_timeout: '10'},
    },
    diff: ['-connection_limit=40', '+connection_limit=5&pool_timeout=10'],
  };
}

describeMainMajor('poolctl undo', major => {
  let server: TestServer;
  let env: string;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createRoles(server);
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    await server.query('ALTER ROLE app CONNECTION LIMIT -1');
    env = join(await temporaryFolder(), '.env');
    await writeFile(env, `# the shop\nDATABASE_URL="${secretUrl}"\nPORT=1\n`);
    await chmod(env, 0o600);
  });

  const roleLimit = async () =>
    (await server.query<{rolconnlimit: number}>(limitIs(0).query.text, ['app']))[0]?.rolconnlimit;

  it('undoes a run from the journal, the last step first', async () => {
    const before = await readFile(env, 'utf8');
    const acting = await createActing(server, {recipes: [limitRecipe(env)]});
    expect(await acting.run('limit', {yes: true})).toBe(0);
    expect(await roleLimit()).toBe(7);
    expect(await readFile(env, 'utf8')).toBe(
      before
        .replace('connection_limit=40', 'connection_limit=5')
        .replace('public"', 'public&pool_timeout=10"'),
    );
    expect((await stat(env)).mode & 0o777).toBe(0o600);

    // Later, in another process: with the same journal and without the recipe.
    const later = await createActing(server, {recipes: [], journal: acting.journal.file});
    later.ports.identity = {run: 'later', actor: 'someone@another-host'};
    expect(await later.undo('r1', {dryRun: true})).toBe(0);
    expect(later.document().steps.map(({title}) => title)).toEqual([
      'undo: limit the pool',
      'undo: limit app',
    ]);
    expect(await roleLimit()).toBe(7);
    expect(await later.undo('r1', {yes: true})).toBe(0);
    expect(later.document().steps.map(({outcome}) => outcome)).toEqual(['verified', 'verified']);
    expect(await roleLimit()).toBe(-1);
    expect(await readFile(env, 'utf8')).toBe(before);
    expect(await readFile(acting.journal.file, 'utf8')).not.toContain('hunter2');
    expect(await later.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('skips a file of another machine, and undoes the rest', async () => {
    const acting = await createActing(server, {recipes: [limitRecipe(env)]});
    acting.ports.identity = {...acting.ports.identity, actor: 'oncall@another-host'};
    expect(await acting.run('limit', {yes: true})).toBe(0);
    const changed = await readFile(env, 'utf8');
    expect(await acting.undo('r1', {yes: true})).toBe(7);
    expect(acting.document()).toMatchObject({
      reason: 'partly done: 1 step skipped',
      steps: [{title: 'undo: limit app', outcome: 'verified'}],
      skipped: [{subject: 'file:.env', reason: expect.stringContaining('the file is on another-host')}],
    });
    expect(await roleLimit()).toBe(-1);
    expect(await readFile(env, 'utf8')).toBe(changed);
    // The plan has only the rest of the run.
    expect(await acting.undo('r1', {yes: true})).toBe(6);
    expect(await readFile(env, 'utf8')).toBe(changed);
  });

  it('records what a step measured before and after', async () => {
    const acting = await createActing(server, {recipes: [limitRecipe(env)]});
    await acting.run('limit', {yes: true});
    const [outcome] = (await acting.journal.read()).filter(({event}) => event === 'outcome');
    expect(outcome).toMatchObject({measures: [{name: 'limit', before: '-1', after: '7'}]});
  });

  it('skips what has changed since, in the run and in its undo', async () => {
    const acting = await createActing(server, {recipes: [limitRecipe(env)]});
    await server.query('ALTER ROLE app CONNECTION LIMIT 3');
    await writeFile(env, 'DATABASE_URL=postgres://db/shop?connection_limit=9\n');
    expect(await acting.run('limit', {yes: true})).toBe(6);
    expect(acting.document().steps.map(({outcome}) => outcome)).toEqual(['skipped', 'skipped']);
    expect(await roleLimit()).toBe(3);

    await server.query('ALTER ROLE app CONNECTION LIMIT -1');
    await writeFile(env, `DATABASE_URL=${secretUrl}\n`);
    expect(await acting.run('limit', {yes: true})).toBe(0);
    await server.query('ALTER ROLE app CONNECTION LIMIT 8');
    expect(await acting.undo('r2', {yes: true})).toBe(7);
    expect(acting.document().steps.map(({outcome}) => outcome)).toEqual(['verified', 'skipped']);
    expect(await roleLimit()).toBe(8);
  });

  it('is done where what it skips is so already', async () => {
    const acting = await createActing(server, {recipes: [limitRecipe(env)]});
    await server.query('ALTER ROLE app CONNECTION LIMIT 7');
    expect(await acting.run('limit', {yes: true})).toBe(0);
    expect(acting.document().steps.map(({outcome}) => outcome)).toEqual(['skipped', 'verified']);

    await server.query('ALTER ROLE app CONNECTION LIMIT -1');
    await writeFile(env, `DATABASE_URL=${secretUrl}\n`);
    expect(await acting.run('limit', {yes: true})).toBe(0);
    await writeFile(env, `DATABASE_URL=${secretUrl}\n`);
    expect(await acting.undo('r2', {yes: true})).toBe(0);
    expect(acting.document().steps.map(({outcome}) => outcome)).toEqual(['skipped', 'verified']);
    expect(await roleLimit()).toBe(-1);
  });

  it('executes nothing from a journal whose chain is broken anywhere', async () => {
    const acting = await createActing(server, {recipes: [limitRecipe(env)]});
    await acting.run('limit', {yes: true});
    for (let step = 0; step < 100; step++) await acting.journal.append(intentOf('padding', step));
    const text = await readFile(acting.journal.file, 'utf8');
    const forged = text.replaceAll('ALTER ROLE app CONNECTION LIMIT -1', 'ALTER ROLE app SUPERUSER');
    expect(forged).not.toBe(text);
    await writeFile(acting.journal.file, forged);
    const later = await createActing(server, {recipes: [], journal: acting.journal.file});
    for (const flags of [{yes: true}, {dryRun: true}, {approve: '0'.repeat(64)}])
      expect(await later.undo('r1', flags)).toBe(8);
    expect(later.stdout).toEqual([]);
    const [role] = await server.query('SELECT rolsuper, rolconnlimit FROM pg_roles WHERE rolname = $1', [
      'app',
    ]);
    expect(role).toEqual({rolsuper: false, rolconnlimit: 7});
    expect(await readFile(acting.journal.file, 'utf8')).toBe(forged);
  });

  it('fails where nothing of a run can be undone', async () => {
    const client = await leak(server, 'ended', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    await acting.run('kill-idle-sessions', {set: ['older_than=0s', 'application=ended'], yes: true});
    expect(await acting.undo('r1', {dryRun: true})).toBe(0);
    expect(await acting.undo('r1', {yes: true})).toBe(7);
    expect(acting.document()).toMatchObject({
      run: null,
      status: 'failed',
      reason: 'nothing was undone: 1 step stays in effect',
      steps: [],
      skipped: [{subject: `backend:${client.processID}`, reason: 'cannot be undone', stays: true}],
      explanation: [expect.stringMatching(/^Nothing of run r1 \(.*\) can be undone\.$/)],
    });
    expect(acting.stderr.at(-1)).toBe('poolctl: nothing was undone: 1 step stays in effect');
  });

  it('does what the preview of its run said that it can', async () => {
    const both = limitRecipe(env);
    const irreversible = {...limitStep(7, 8), subject: 'role:app twice', undo: 'irreversible' as const};
    const plan = () =>
      ({...both.plan?.({} as never, {}, {}), steps: [limitStep(-1, 7), irreversible]}) as Plan;
    const acting = await createActing(server, {recipes: [{...both, plan}]});
    expect(await acting.run('limit', {yes: true})).toBe(0);
    await server.query('ALTER ROLE app CONNECTION LIMIT 7');
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await roleLimit()).toBe(-1);
    expect(acting.document().skipped).toMatchObject([{reason: 'cannot be undone'}]);
    // All that can be undone is undone already.
    expect(await acting.undo('r1', {yes: true})).toBe(0);
  });

  it('can be undone itself', async () => {
    const acting = await createActing(server, {recipes: [limitRecipe(env)]});
    await acting.run('limit', {yes: true});
    await acting.undo('r1', {yes: true});
    expect(await acting.undo('r2', {yes: true})).toBe(0);
    expect(await roleLimit()).toBe(7);
    // After the undo was undone, the run can be undone again.
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await roleLimit()).toBe(-1);
  });

  it('reports what was already undone, and undoes the rest', async () => {
    const acting = await createActing(server, {recipes: [limitRecipe(env)]});
    await acting.run('limit', {yes: true});
    expect(await acting.undo('r1', {dryRun: true})).toBe(0);
    const {plan} = acting.document();
    await writeFile(env, 'DATABASE_URL=postgres://db/shop?connection_limit=9\n');
    expect(await acting.undo('r1', {yes: true})).toBe(7);
    expect(await roleLimit()).toBe(-1);

    await writeFile(env, `DATABASE_URL=${secretUrl.replace('limit=40', 'limit=5')}&pool_timeout=10\n`);
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({
      steps: [{title: 'undo: limit the pool', outcome: 'verified'}],
      skipped: [{reason: expect.stringMatching(/^already undone by run r3 \(/)}],
    });

    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({
      run: null,
      steps: [],
      explanation: [
        expect.stringMatching(/^Already undone: run r1 \(limit, .+\), by run r4 \(.+ Nothing to do/),
      ],
    });
    await expect(undoRun(acting.ports, 'r1', {...noFlags, approve: String(plan)})).rejects.toMatchObject({
      exitCode: 6,
      hint: expect.stringMatching(/^Already undone: run r1/),
    });
  });

  it('refuses an unknown run, and one of another target', async () => {
    const acting = await createActing(server, {recipes: [limitRecipe(env)]});
    await acting.run('limit', {yes: true});
    expect(await acting.undo('r9', {yes: true})).toBe(2);
    const elsewhere = await shareTestServer({major});
    try {
      const other = await createActing(elsewhere, {journal: acting.journal.file});
      expect(await other.undo('r1', {yes: true})).toBe(6);
    } finally {
      await elsewhere.stop();
    }
    expect(await roleLimit()).toBe(7);
  });
});
