import {stat, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {openJournal} from '../../../source/journal/journal-file.ts';
import {openProgram} from '../../helpers/console.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {intentOf} from '../../journal/drafts.ts';
import {
  createCliRoles,
  everyFileIn,
  expectNoSecret,
  failing,
  leak,
  type ProgramOptions,
  runProgram,
  temporaryHome,
  urlOf,
} from '../run-program.ts';

const recipe = 'kill-idle-sessions';
const hex = /^[0-9a-f]{64}$/;

describeMainMajor('run, undo and journal', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  /** A run on one application, so that a test ends only its own sessions. */
  const argsFor = (application: string, user: string, ...more: string[]) => {
    const parameters = ['older_than=0s', `application=${application}`].flatMap(each => ['--set', each]);
    return ['run', recipe, urlOf(server, user), ...parameters, ...more];
  };
  const leakMany = async (application_name: string, count: number) => {
    for (let each = 0; each < count; each++) await leak(server, {application_name});
  };
  const countOf = async (application: string) =>
    (await server.query('SELECT 1 FROM pg_stat_activity WHERE application_name = $1', [application])).length;
  const documentOf = async (args: string[], options?: ProgramOptions) => {
    const {code, stdout, stderr} = await runProgram([...args, '--json'], options);
    return {code, stderr, document: JSON.parse(stdout)};
  };

  it('previews, requires approval of that plan, executes, verifies and records', async () => {
    await leakMany('approved', 2);
    const home = await temporaryHome();
    const preview = await documentOf(argsFor('approved', 'oncall', '--dry-run'), {home});
    expect(preview.code).toBe(0);
    expect(Object.keys(preview.document).slice(0, 6)).toEqual([
      ...['schema_version', 'recipe', 'target', 'plan', 'params', 'steps'],
    ]);
    expect(preview.document).toMatchObject({
      schema_version: 1,
      recipe,
      target: `${server.host}:${server.port}/postgres`,
      plan: expect.stringMatching(hex),
      params: {older_than: '0s', application: 'approved'},
    });
    for (const step of preview.document.steps) {
      const sql = expect.stringContaining('pg_terminate_backend');
      expect(step).toMatchObject({
        kind: 'sql',
        title: expect.any(String),
        sql,
        undo: 'irreversible',
        lock: 'none',
      });
      expect(step.values[1]).toMatch(/\.\d{6}Z$/);
    }

    const other = '0'.repeat(64);
    expect(await failing(argsFor('approved', 'oncall', '--approve', other), {home})).toEqual([
      6,
      expect.stringContaining(preview.document.plan),
    ]);
    expect(await countOf('approved')).toBe(2);

    const done = await documentOf(argsFor('approved', 'oncall', '--approve', preview.document.plan), {home});
    expect(done.code).toBe(0);
    expect(done.document).toMatchObject({
      schema_version: 1,
      plan: preview.document.plan,
      run: expect.any(String),
    });
    for (const step of done.document.steps)
      expect(step).toMatchObject({
        outcome: 'verified',
        row_count: 1,
        sqlstate: null,
        duration_ms: expect.any(Number),
      });
    expect(done.document.before.used - done.document.after.used).toBe(2);
    expect(await countOf('approved')).toBe(0);

    const journal = JSON.parse((await runProgram(['journal', 'list', '--json'], {home})).stdout);
    expect(Object.keys(journal)).toEqual(['schema_version', 'file', 'head', 'entries']);
    const {run} = done.document;
    expect(journal.entries.map(({event}: {event: string}) => event)).toEqual([
      ...['run', 'intent', 'outcome', 'intent', 'outcome', 'end'],
    ]);
    for (const [index, entry] of journal.entries.entries()) {
      expect(Object.keys(entry)).toEqual([
        'seq',
        'at',
        'actor',
        'target',
        'run',
        'event',
        'hash',
        'previous',
      ]);
      expect(entry).toMatchObject({seq: index + 1, run, hash: expect.stringMatching(hex)});
    }
    expect(journal.head).toBe(journal.entries.at(-1).hash);
    const show = await runProgram(['journal', 'show', run.slice(0, 4)], {home});
    expect([show.code, show.stdout]).toEqual([
      0,
      expect.stringMatching(/^1\. terminate .*\n {3}on backend:\d+\n {3}SELECT [\s\S]* verified, \d/m),
    ]);
    expect(show.stdout).toContain(`\nexecuted as oncall on PostgreSQL ${major}.`);
    const verdict = JSON.parse((await runProgram(['journal', 'verify', '--json'], {home})).stdout);
    expect(verdict).toMatchObject({schema_version: 1, ok: true, entries: 6, broken_at: null, unfinished: []});

    expect(((await stat(journal.file)).mode & 0o777).toString(8)).toBe('600');
    const written = await everyFileIn(home);
    expectNoSecret(written);
    expect(written).not.toContain('a secret literal');
  });

  it('ends only the sessions named by pid', async () => {
    const [first, second] = [
      await leak(server, {application_name: 'named'}),
      await leak(server, {application_name: 'named'}),
    ];
    const args = ['run', recipe, urlOf(server, 'oncall'), '--set', `pid=${first.processID}`, '--yes'];
    const {code, document} = await documentOf(args);
    expect([code, document.steps.map(({subject}: {subject: string}) => subject)]).toEqual([
      0,
      [`backend:${first.processID}`],
    ]);
    const left = await server.query<{pid: number}>(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'named'",
    );
    expect(left).toEqual([{pid: second.processID}]);
    await second.end();
  });

  it('prints progress on stderr and the result on stdout', async () => {
    await leakMany('progress', 1);
    const {code, stdout, stderr} = await runProgram(argsFor('progress', 'oncall', '--yes'));
    expect(code).toBe(0);
    expect(stderr).toMatch(/^verified terminate \d+ \(progress\/app idle in transaction\), \d/);
    expect(stdout).toMatch(/^run [0-9a-f]+ done: 1 verified\nslots used: \d+ before, \d+ after\n$/);
  });

  it('without a terminal, requires a flag as consent', async () => {
    await leakMany('consent', 1);
    expect(await failing(argsFor('consent', 'oncall'))).toEqual([
      2,
      expect.stringMatching(/--dry-run.*--yes/),
    ]);
    expect(await countOf('consent')).toBe(1);
    await runProgram(argsFor('consent', 'oncall', '--yes'));
  });

  it('asks for consent on a terminal; on production, for the target’s name', async () => {
    await leakMany('asked', 1);
    const answer = async (keys: string[], question: string, ...flags: string[]) => {
      const terminal = openProgram(argsFor('asked', 'oncall', ...flags), {columns: 160, rows: 40});
      onTestFinished(() => terminal.close());
      await terminal.waitFor(question);
      terminal.press(...keys);
      return (await terminal.onExit).exitCode;
    };
    const target = `${server.host}:${server.port}/postgres`;
    expect(await answer(['n', 'o', 'enter'], 'Type yes to execute 1 step')).toBe(130);
    expect(await answer(['ctrl-c'], 'Type yes to execute 1 step')).toBe(130);
    expect(await answer(['y', 'e', 's', 'enter'], `Type ${target} to execute`, '--production')).toBe(130);
    expect(await countOf('asked')).toBe(1);
    expect(await answer([...target, 'enter'], 'on PRODUCTION', '--production')).toBe(0);
    expect(await countOf('asked')).toBe(0);
  });

  it('exits 5 if the server would refuse every step; of some, skips those', async () => {
    await leak(server, {application_name: 'refused', user: 'app'});
    await leak(server, {application_name: 'refused', user: 'other_app'});
    const refused = await documentOf(argsFor('refused', 'viewer', '--yes'));
    expect(refused.code).toBe(5);
    expect(refused.document).toMatchObject({
      steps: [],
      skipped: [{is_forbidden: true}, {is_forbidden: true}],
    });
    const half = await documentOf(argsFor('refused', 'owner', '--yes'));
    expect(half.code).toBe(0);
    expect(half.document).toMatchObject({
      steps: [{outcome: 'verified'}],
      skipped: [{reason: expect.stringContaining('GRANT pg_signal_backend TO "owner"'), is_forbidden: true}],
    });
    expect((await documentOf(argsFor('refused', 'oncall', '--yes'))).code).toBe(0);
  });

  it('exits 8 and executes nothing if the journal cannot be written', async () => {
    await leakMany('unrecorded', 1);
    const home = await temporaryHome();
    await writeFile(join(home, 'file'), '');
    // A folder, a path below a file, and a device.
    for (const file of [home, join(home, 'file', 'journal.jsonl'), '/dev/null']) {
      const args = argsFor('unrecorded', 'oncall', '--yes', '--journal', file);
      const {code, stdout, stderr} = await runProgram(args, {home});
      expect([code, stdout + stderr]).toEqual([8, expect.stringContaining(file)]);
    }
    expect(await countOf('unrecorded')).toBe(1);
    // A dry run needs no journal.
    const dry = await runProgram(argsFor('unrecorded', 'oncall', '--dry-run'), {
      env: {POOLCTL_JOURNAL: home},
    });
    expect(dry.code).toBe(0);
    await runProgram(argsFor('unrecorded', 'oncall', '--yes'));
  });

  const signals = [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const;
  it.each(signals)('stops between two steps at %s with %i, and reports it', async (signal, exitCode) => {
    await leakMany('interrupted', 17);
    const home = await temporaryHome();
    // Steps run in batches of five with a pause between them, so the signal comes long before the last step.
    const interrupt = {when: /^verified/, signal};
    const args = argsFor('interrupted', 'oncall', '--yes');
    const {code, stderr, document} = await documentOf(args, {home, interrupt});
    expect([code, document.status]).toEqual([exitCode, 'interrupted']);
    const verified = document.steps.filter(({outcome}: {outcome: string}) => outcome === 'verified').length;
    expect(verified).toBeGreaterThan(0);
    expect(stderr).toContain(
      `poolctl: run ${document.run} interrupted: ${verified} of 17 steps done; ${17 - verified} not started`,
    );
    expect(await countOf('interrupted')).toBe(17 - verified);
    expect(document.after.used).toBe(document.before.used - verified);
    const list = JSON.parse((await runProgram(['journal', 'list', '--json'], {home})).stdout);
    expect(list.entries.at(-1).event).toBe('end');
    expect((await runProgram(['journal', 'verify'], {home})).code).toBe(0);
    await runProgram(argsFor('interrupted', 'oncall', '--yes'), {home});
  });

  it.each(signals)(
    'executes nothing if %s arrives while it asks, and exits with %i',
    async (signal, exitCode) => {
      await leakMany('asked', 1);
      const terminal = openProgram(argsFor('asked', 'oncall'), {columns: 160, rows: 40});
      onTestFinished(() => terminal.close());
      await terminal.waitFor('Type yes to execute 1 step');
      terminal.kill(signal);
      expect((await terminal.onExit).exitCode).toBe(exitCode);
      expect(await countOf('asked')).toBe(1);
      await runProgram(argsFor('asked', 'oncall', '--yes'));
    },
  );

  it('stops between two steps when its terminal is closed, and records it', async () => {
    await leakMany('closed', 17);
    const file = join(await temporaryHome(), 'journal.jsonl');
    const args = argsFor('closed', 'oncall', '--yes', '--journal', file);
    const terminal = openProgram(args, {columns: 160, rows: 40});
    onTestFinished(() => terminal.close());
    await terminal.waitFor('verified terminate');
    terminal.hangUp();
    await expect
      .poll(async () => (await openJournal(file).read()).at(-1))
      .toMatchObject({
        event: 'end',
        status: 'interrupted',
      });
    expect(await openJournal(file).verify()).toMatchObject({ok: true, unfinished: []});
    expect(await countOf('closed')).toBeGreaterThan(0);
    await runProgram(argsFor('closed', 'oncall', '--yes'));
  });

  it('reports unfinished steps of earlier runs at its start', async () => {
    const home = await temporaryHome();
    const file = join(home, 'journal.jsonl');
    await openJournal(file).append(intentOf('crashed', 2));
    const env = {POOLCTL_JOURNAL: file};
    for (const flag of ['--dry-run', '--yes']) {
      const {code, stderr} = await runProgram(argsFor('no_such_app', 'oncall', flag), {home, env});
      expect([code, stderr]).toEqual([0, expect.stringMatching(/outcome unknown.*run crashed step 3/)]);
    }
    const {code, stdout} = await runProgram(['journal', 'verify'], {home, env});
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/outcome unknown, check the server: run crashed step 3/),
    ]);

    const terminal = openProgram([urlOf(server, 'oncall')], {columns: 120, rows: 30, env});
    onTestFinished(() => terminal.close());
    await terminal.waitFor('1 step of an earlier run ended without a recorded result');
    terminal.press('ctrl-c');
    await terminal.onExit;
  });
});
