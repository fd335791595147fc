import type pg from 'pg';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {runRecipe} from '../../source/commands/run/command.ts';
import {createActing, createRoles, noFlags, pidsOf} from '../cli/execution/acting.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';

describeEachMajor('cancel-runaway-statements', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createRoles(server);
  });
  afterAll(() => server?.stop());

  /** A session whose statement has been running for over a second. */
  async function runaway(application_name: string): Promise<{client: pg.Client; ended: Promise<unknown>}> {
    const client = await server.connect({application_name, user: 'app', password: 'secret'});
    onTestFinished(() => client.end().catch(() => {}));
    const ended = client
      .query("SELECT 'private', pg_sleep(600)")
      .catch((error: {code: string}) => error.code);
    await expect
      .poll(() =>
        server.query(
          "SELECT FROM pg_stat_activity WHERE application_name = $1 AND state = 'active' AND now() - query_start > '1.1s'",
          [application_name],
        ),
      )
      .toHaveLength(1);
    return {client, ended};
  }

  it('cancels the statements over the limit of their class, and keeps all others and every session', async () => {
    const [web, report] = await Promise.all([runaway('web'), runaway('reporting')]);
    const acting = await createActing(server, {user: 'oncall'});
    const set = ['simple=application:web', 'report=application:reporting'];
    expect(await acting.run('cancel-runaway-statements', {set, yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({status: 'done', steps: [{outcome: 'verified', row_count: 1}]});
    expect(await web.ended).toBe('57014');
    expect(await pidsOf(server, 'web')).toHaveLength(1);
    expect(await web.client.query('SELECT 1 AS one')).toMatchObject({rows: [{one: 1}]});
    expect(
      await server.query(
        "SELECT FROM pg_stat_activity WHERE application_name = 'reporting' AND state = 'active'",
      ),
    ).toHaveLength(1);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
    expect(JSON.stringify(await acting.journal.read())).not.toContain('private');

    expect(await acting.undo('r1', {yes: true})).toBe(7);
    expect(acting.document()).toMatchObject({steps: [], skipped: [{reason: 'cannot be undone'}]});
    await acting.run('terminate-sessions', {
      set: [`pid=${(await pidsOf(server, 'reporting')).join()}`],
      yes: true,
    });
    expect(await report.ended).toBe('57P01');
  });

  it('does not cancel a later statement than the previewed one', async () => {
    const {client, ended} = await runaway('changes');
    const acting = await createActing(server, {user: 'oncall'});
    let next: Promise<unknown> = Promise.resolve();
    const ask = async () => {
      await server.query(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'changes'",
      );
      await ended;
      next = client.query('SELECT pg_sleep(600)').catch((error: {code: string}) => error.code);
      await expect
        .poll(() =>
          server.query(
            "SELECT FROM pg_stat_activity WHERE application_name = 'changes' AND query = 'SELECT pg_sleep(600)'",
          ),
        )
        .toHaveLength(1);
      return 'yes';
    };
    const flags = {...noFlags, set: ['simple=application:changes'], json: false};
    expect(await runRecipe({...acting.ports, ask}, 'cancel-runaway-statements', flags)).toBe(6);
    expect(
      await server.query(
        "SELECT FROM pg_stat_activity WHERE application_name = 'changes' AND state = 'active'",
      ),
    ).toHaveLength(1);
    await acting.run('terminate-sessions', {
      set: [`pid=${(await pidsOf(server, 'changes')).join()}`],
      yes: true,
    });
    expect(await next).toBe('57P01');
  });
});
