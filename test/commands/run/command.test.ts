import {afterAll, beforeAll, expect, it} from 'vitest';
import {recipes} from '../../../recipes/index.ts';
import {runRecipe} from '../../../source/commands/run/command.ts';
import type {RunHarm} from '../../../source/model/run.ts';
import {createActing, createRoles, leak, noFlags, pidsOf} from '../../cli/execution/acting.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';

const now = ['older_than=0s'];

describeMainMajor('poolctl run', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createRoles(server);
  });
  afterAll(() => server?.stop());

  it('ends a leak, verifies it, and counts the slots before and after', async () => {
    await leak(server, 'leaky', 'app');
    await leak(server, 'leaky', 'app');
    const other = await leak(server, 'other', 'app');
    const acting = await createActing(server, {user: 'oncall'});

    expect(await acting.run('kill-idle-sessions', {set: [...now, 'application=leaky'], yes: true})).toBe(0);
    const {steps, before, after, ...rest} = acting.document();
    expect(steps.map(({outcome, row_count, sqlstate}) => [outcome, row_count, sqlstate])).toEqual([
      ['verified', 1, null],
      ['verified', 1, null],
    ]);
    expect(rest).toMatchObject({schema_version: 1, recipe: 'kill-idle-sessions', run: 'r1', status: 'done'});
    expect((before as {used: number}).used - (after as {used: number}).used).toBe(2);
    expect(await pidsOf(server, 'leaky')).toEqual([]);
    expect(await pidsOf(server, 'other')).toEqual([other.processID]);
    const events = (await acting.journal.read()).map(({event}) => event);
    expect(events).toEqual(['run', 'intent', 'outcome', 'intent', 'outcome', 'end']);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
    await other.end();
  });

  it('reads the harm before and after, and journals both', async () => {
    const admin = await server.connect();
    await admin.query('CREATE TABLE public.queue_here (id int); INSERT INTO public.queue_here VALUES (1)');
    await admin.query('GRANT ALL ON public.queue_here TO PUBLIC');
    const holder = await leak(server, 'holder', 'app');
    await holder.query('LOCK TABLE public.queue_here');
    const waiters = await Promise.all([1, 2].map(() => leak(server, 'waiter', 'app')));
    const waits = waiters.map(each => each.query('SELECT id FROM public.queue_here'));
    const waiting = "SELECT count(*)::int FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    const acting = await createActing(server, {user: 'oncall'});
    await expect.poll(async () => (await admin.query(waiting)).rows[0].count).toBe(2);
    // Two that wait for a moment are no harm.
    await expect
      .poll(
        async () => {
          const {lock_waits} = await acting.ports.read();
          return Math.max(...lock_waits.map(({wait_age_ms}) => wait_age_ms ?? 0));
        },
        {timeout: 30_000},
      )
      .toBeGreaterThan(5000);

    const flags = {set: [`pid=${holder.processID}`, 'waited_for=0s'], yes: true};
    expect(await acting.run('release-blockers', flags)).toBe(0);
    await Promise.all(waits);
    const [harm] = acting.document().harm as RunHarm[];
    expect(harm).toMatchObject({
      kind: 'waiting',
      before: {sessions: 2, summary: expect.stringContaining('holder/app')},
      after: {state: 'gone', sessions: 0, summary: null, readings: 3},
    });
    const end = (await acting.journal.read()).at(-1);
    expect(end).toMatchObject({event: 'end', harm: [harm]});
    for (const each of waiters) await each.end();
    await admin.query('DROP TABLE public.queue_here');
  });

  it('prints the plan and executes nothing with --dry-run; the same state gives the same hash', async () => {
    const client = await leak(server, 'preview', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    const flags = {set: [...now, 'application=preview']};
    expect(await acting.run('kill-idle-sessions', {...flags, dryRun: true})).toBe(0);
    const first = acting.document();
    expect(first.steps).toHaveLength(1);
    expect(first.steps[0]).toMatchObject({kind: 'sql', undo: 'irreversible', lock: 'none'});
    expect(await acting.run('kill-idle-sessions', {...flags, dryRun: true})).toBe(0);
    expect(acting.document().plan).toBe(first.plan);
    expect(await pidsOf(server, 'preview')).toEqual([client.processID]);
    expect(await acting.journal.read()).toEqual([]);

    await client.query('SELECT 1');
    expect(await acting.run('kill-idle-sessions', {...flags, approve: String(first.plan)})).toBe(6);
    expect(await pidsOf(server, 'preview')).toEqual([client.processID]);

    await acting.run('kill-idle-sessions', {...flags, dryRun: true});
    const again = String(acting.document().plan);
    expect(await acting.run('kill-idle-sessions', {...flags, approve: again})).toBe(0);
    expect(await pidsOf(server, 'preview')).toEqual([]);
  });

  it('asks for confirmation on a terminal, and executes nothing for any other answer', async () => {
    const client = await leak(server, 'asked', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    const flags = {...noFlags, set: [...now, 'application=asked'], json: false};
    const answer = (text: string | null) =>
      runRecipe({...acting.ports, ask: async () => text}, 'kill-idle-sessions', flags);
    expect(await answer('y')).toBe(130);
    expect(await answer(null)).toBe(130);
    expect(await pidsOf(server, 'asked')).toEqual([client.processID]);
    expect(acting.stderr.join('\n')).not.toContain('secret literal');
    expect(await answer('yes')).toBe(0);
    expect(await pidsOf(server, 'asked')).toEqual([]);
  });

  it("asks for the target's name on production", async () => {
    await leak(server, 'prod', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    const read = async () => {
      const snapshot = await acting.ports.read();
      return {...snapshot, target: {...snapshot.target, is_production: true}};
    };
    const flags = {...noFlags, set: [...now, 'application=prod'], json: false};
    const answer = (text: string) =>
      runRecipe({...acting.ports, read, ask: async () => text}, 'kill-idle-sessions', flags);
    expect(await answer('yes')).toBe(130);
    expect(await answer(`${server.host}:${server.port}/postgres`)).toBe(0);
  });

  it.each([
    ['an unknown recipe', 'no-such', {yes: true}],
    ['a recipe that is advice', 'ask', {yes: true}],
    ['no terminal to ask', 'kill-idle-sessions', {}],
    ['an unknown parameter', 'kill-idle-sessions', {set: ['nonsense=1'], yes: true}],
    ['an invalid duration', 'kill-idle-sessions', {set: ['older_than=soon'], yes: true}],
    ['an invalid state', 'kill-idle-sessions', {set: ['states=asleep'], yes: true}],
    ['a setting without a value', 'kill-idle-sessions', {set: ['older_than'], yes: true}],
    ['--dry-run with --yes', 'kill-idle-sessions', {dryRun: true, yes: true}],
    ['terminate-sessions without a pid', 'terminate-sessions', {yes: true}],
  ])('exits 2 for %s, and journals nothing', async (_, recipe, flags) => {
    const advice = {id: 'ask', title: '', summary: '', parameters: [], diagnose: () => []};
    const acting = await createActing(server, {user: 'oncall', recipes: [...recipes, advice]});
    expect(await acting.run(recipe, flags)).toBe(2);
    expect(await acting.journal.read()).toEqual([]);
  });

  it('exits 5 without the privilege to signal, which the preview says, unless the sessions are its own', async () => {
    const client = await leak(server, 'refused', 'app');
    const acting = await createActing(server, {user: 'viewer'});
    expect(await acting.run('kill-idle-sessions', {set: [...now, 'application=refused'], yes: true})).toBe(5);
    const reason =
      'a session of another role, which this role may not end: GRANT pg_signal_backend TO "viewer"';
    expect(acting.document()).toMatchObject({steps: [], skipped: [{reason, is_forbidden: true}]});
    expect(await acting.run('terminate-sessions', {set: [`pid=${client.processID}`], dryRun: true})).toBe(5);
    expect(await acting.journal.read()).toEqual([]);
    await client.end();

    const own = await leak(server, 'own', 'viewer');
    own.on('error', () => {});
    expect(await acting.run('kill-idle-sessions', {set: [...now, 'application=own'], yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([{outcome: 'verified'}]);
  });

  it('exits 5 if the privilege to signal is revoked after the preview, and names it in the outcome', async () => {
    await server.query("CREATE ROLE revoked LOGIN PASSWORD 'secret' IN ROLE pg_monitor, pg_signal_backend");
    await leak(server, 'refused', 'app');
    const acting = await createActing(server, {user: 'revoked'});
    const {load} = acting.ports;
    let loads = 0;
    acting.ports.load = async needs => {
      // After the reading that the plan is compared with.
      if (needs.sessions && ++loads === 2) await server.query('REVOKE pg_signal_backend FROM revoked');
      return load(needs);
    };
    expect(await acting.run('kill-idle-sessions', {set: [...now, 'application=refused'], yes: true})).toBe(5);
    expect(acting.document().steps).toMatchObject([{outcome: 'failed', sqlstate: '42501', row_count: 0}]);
    expect(JSON.stringify(acting.document())).toContain('pg_signal_backend');
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it("exits 5 for a superuser's session, named by pid or not, and for sessions it cannot see", async () => {
    const client = await leak(server, 'super');
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('kill-idle-sessions', {set: [...now, 'application=super'], yes: true})).toBe(5);
    expect(await acting.run('terminate-sessions', {set: [`pid=${client.processID}`], yes: true})).toBe(5);
    expect(acting.document()).toMatchObject({
      steps: [],
      skipped: [{reason: expect.stringContaining('superuser')}],
    });

    const hidden = await leak(server, 'hidden', 'app');
    const blind = await createActing(server, {user: 'blind'});
    expect(await blind.run('kill-idle-sessions', {set: [...now, 'application=hidden'], yes: true})).toBe(5);
    expect(JSON.stringify(blind.document())).toContain('GRANT pg_read_all_stats TO \\"blind\\"');
    expect(await pidsOf(server, 'super')).toEqual([client.processID]);
    await client.end();
    await hidden.end();
  });

  it('asks for required parameters on a terminal, and exits 2 without one', async () => {
    const client = await leak(server, 'asked', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('terminate-sessions', {yes: true})).toBe(2);
    const questions: string[] = [];
    acting.ports.ask = async question => {
      questions.push(question);
      return question.startsWith('pid') ? String(client.processID) : 'yes';
    };
    expect(await acting.run('terminate-sessions', {json: false})).toBe(0);
    expect(questions).toEqual(['pid: ', 'Type yes to execute 1 step: ']);
    expect(await pidsOf(server, 'asked')).toEqual([]);
  });

  it('asks again for an invalid or unknown value, and lists the existing ones', async () => {
    const acting = await createActing(server, {user: 'oncall'});
    const answers = ['', 'ap', 'app', 'no'];
    acting.ports.ask = async () => answers.shift() ?? null;
    const set = ['statement_timeout=30s'];
    expect(await acting.run('set-timeouts', {set, json: false})).not.toBe(2);
    expect(answers).toEqual([]);
    expect(acting.stderr.slice(0, 3)).toEqual([
      expect.stringMatching(/^role: Role whose new sessions .*; suggestions: .*\bapp\b/),
      'role: must be set',
      'role: not found now; did you mean app? (repeat it to use it anyway)',
    ]);
  });

  it('does not accept --yes for irreversible steps on production', async () => {
    const client = await leak(server, 'precious', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    const {read} = acting.ports;
    acting.ports.read = async () => {
      const snapshot = await read();
      return {...snapshot, target: {...snapshot.target, is_production: true}};
    };
    const flags = {set: [...now, 'application=precious'], yes: true};
    expect(await acting.run('kill-idle-sessions', flags)).toBe(2);
    expect(await pidsOf(server, 'precious')).toEqual([client.processID]);
    expect(await acting.journal.read()).toEqual([]);
    expect(await acting.run('kill-idle-sessions', {...flags, yesIrreversible: true})).toBe(0);
    expect(await pidsOf(server, 'precious')).toEqual([]);
  });

  it('cancels the statement of a session and keeps the session', async () => {
    const client = await server.connect({application_name: 'slow', user: 'app', password: 'secret'});
    const failure = client.query('SELECT pg_sleep(60)').catch((error: {code: string}) => error.code);
    await expect
      .poll(() =>
        server.query("SELECT FROM pg_stat_activity WHERE application_name = 'slow' AND state = 'active'"),
      )
      .toHaveLength(1);
    const [pid] = await pidsOf(server, 'slow');
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('cancel-statements', {set: [`pid=${pid}`], yes: true})).toBe(0);
    expect(await failure).toBe('57014');
    expect(await pidsOf(server, 'slow')).toEqual([pid]);

    expect(await acting.run('terminate-sessions', {set: [`pid=${pid}`], yes: true})).toBe(0);
    expect(await pidsOf(server, 'slow')).toEqual([]);
  });
});
