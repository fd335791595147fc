import {expect, it} from 'vitest';
import {undoRun} from '../../../source/commands/undo/command.ts';
import {openJournal} from '../../../source/journal/journal-file.ts';
import type {JournalEvent} from '../../../source/model/journal-entry.ts';
import {describeMainMajor, type OwnServer} from '../../helpers/server.ts';
import {rejection} from '../../postgres/requests.ts';
import {exitCode, noFlags, temporaryFolder} from './acting.ts';
import {limitStep} from './limit-roles.ts';
import {adminOn, limitsOn, nameOf, planHashOf, roles, runThenSwitch, useTwoServers} from './two-servers.ts';

describeMainMajor('another server at the same address, for an undo', major => {
  const servers = useTwoServers(major);

  it('is not used for the undo of a run', async () => {
    await servers.second.query('ALTER ROLE app CONNECTION LIMIT 7');
    const there = await runThenSwitch(servers.first, servers.second);
    expect(await there.undo('r1', {dryRun: true})).toBe(6);
    const flags = {...noFlags, yes: true, sameServer: true};
    const refusal = (await rejection(undoRun(there.ports, 'r1', flags))) as Error;
    expect(refusal).toMatchObject({exitCode: 6, message: expect.stringContaining('nothing was done')});
    expect(refusal.message).toContain(
      `this is ${await nameOf(servers.second)}, not ${await nameOf(servers.first)}`,
    );
    expect(await limitsOn(servers.second)).toEqual([7, -1]);
    expect((await there.journal.read()).filter(({event}) => event === 'run')).toHaveLength(1);
  });

  it('needs --same-server for an undo if its identifier is hidden', async () => {
    for (const each of [servers.first, servers.second])
      await each.query('REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM PUBLIC');
    const there = await runThenSwitch(servers.first, servers.second);
    for (const role of roles) await servers.second.query(`ALTER ROLE ${role} CONNECTION LIMIT 7`);
    expect(await there.undo('r1', {dryRun: true})).toBe(0);
    expect(JSON.stringify(there.document())).toContain(
      'without pg_control_system() poolctl cannot determine',
    );
    expect(await there.undo('r1', {yes: true})).toBe(2);
    expect(await limitsOn(servers.second)).toEqual([7, 7]);
    expect(await there.undo('r1', {yes: true, sameServer: true})).toBe(0);
    expect(await limitsOn(servers.second)).toEqual([-1, -1]);
  });

  it('is recognised without an identifier until it restarts', async () => {
    await servers.first.query('REVOKE EXECUTE ON FUNCTION pg_catalog.pg_control_system() FROM PUBLIC');
    const here = await runThenSwitch(servers.first, servers.first);
    expect(await here.undo('r1', {yes: true})).toBe(0);
    expect(await limitsOn(servers.first)).toEqual([-1, -1]);
  });

  it('asks for the name of the target if an older journal has no server identity', async () => {
    const file = `${await temporaryFolder()}/journal.jsonl`;
    const old = openJournal(file);
    const done = {outcome: 'verified', row_count: 1, sqlstate: null, message: null, duration_ms: 1} as const;
    const target = `${servers.first.host}:${servers.first.port}/postgres`;
    const events: JournalEvent[] = [
      {event: 'run', recipe: 'limit', plan: 'p', params: {}, step_count: 1, before: {}},
      {event: 'intent', step: 0, content: limitStep('app')},
      {event: 'outcome', step: 0, ...done},
      {event: 'end', status: 'done', reason: null, after: {}},
    ];
    for (const event of events) await old.append({actor: 'me@here', target, run: 'r0', ...event});
    await servers.first.query('ALTER ROLE app CONNECTION LIMIT 7');
    const acting = await adminOn(servers.first, file);
    expect(await acting.undo('r0', {dryRun: true})).toBe(0);
    expect(JSON.stringify(acting.document())).toContain('the journal does not name its server');
    const approve = planHashOf(acting);
    expect(await acting.undo('r0', {approve})).toBe(2);
    expect(await acting.undo('r0', {yes: true})).toBe(2);
    const asked: string[] = [];
    const answering = (answer: string) => ({
      ...acting.ports,
      ask: async (question: string) => {
        asked.push(question);
        return answer;
      },
    });
    const flags = {...noFlags, json: false};
    expect(await exitCode(undoRun(answering('yes'), 'r0', flags))).toBe(130);
    expect(await limitsOn(servers.first)).toEqual([7, -1]);
    expect(await exitCode(undoRun(answering(target), 'r0', flags))).toBe(0);
    expect(asked[0]).toContain(`Type ${target} `);
    expect(await limitsOn(servers.first)).toEqual([-1, -1]);
  });

  it('can be the same server with a database created again, which is refused for an undo', async () => {
    await servers.first.query('CREATE DATABASE shop');
    const shop: OwnServer = {
      ...servers.first,
      url: options => servers.first.url({...options, database: 'shop'}),
    };
    const acting = await adminOn(shop);
    expect(await acting.run('limit', {yes: true})).toBe(0);
    await servers.first.query('DROP DATABASE shop WITH (FORCE)');
    await servers.first.query('CREATE DATABASE shop');
    const again = await adminOn(shop, acting.journal.file);
    expect(await rejection(undoRun(again.ports, 'r1', {...noFlags, yes: true}))).toMatchObject({
      exitCode: 6,
      message: expect.stringContaining('or the same one created again'),
    });
    expect(await limitsOn(servers.first)).toEqual([7, 7]);
  });

  it('is not assumed after a restart for an undo, but is for an approval', async () => {
    const acting = await adminOn(servers.first);
    await acting.run('limit', {dryRun: true});
    const approve = planHashOf(acting);
    expect(await acting.run('limit', {yes: true})).toBe(0);
    await servers.first.restart();
    const again = await adminOn(servers.first, acting.journal.file);
    expect(await again.run('limit', {approve})).toBe(6);
    expect(await again.undo('r2', {dryRun: true})).toBe(0);
    expect(JSON.stringify(again.document())).toContain('it was restarted, or is a standby or a copy of it');
    expect(await again.undo('r2', {yes: true})).toBe(0);
    expect(await limitsOn(servers.first)).toEqual([-1, -1]);
  });
});
