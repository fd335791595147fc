import {copyFile, readFile, rename, rm, truncate, writeFile} from 'node:fs/promises';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {runRecipe} from '../../../source/commands/run/command.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {intentOf} from '../../journal/drafts.ts';
import {createActing, createRoles, exitCode, leak, noFlags, pidsOf} from './acting.ts';

describeMainMajor('a run that loses its journal', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createRoles(server);
  });
  afterAll(() => server?.stop());

  it.each<[string, (file: string) => Promise<unknown>]>([
    ['cut', async file => truncate(file, (await readFile(file, 'utf8')).indexOf('\n') + 1)],
    ['emptied', file => truncate(file, 0)],
    ['removed', file => rm(file)],
    [
      'replaced',
      async file => {
        await copyFile(file, `${file}.copy`);
        await rename(`${file}.copy`, file);
      },
    ],
  ])('exits 8 before its next step, and reports what was executed: %s', async (how, lose) => {
    const application = `lost-${how}`;
    await leak(server, application, 'app');
    await leak(server, application, 'app');
    const acting = await createActing(server, {user: 'oncall'});
    const {executor} = acting.ports.engine;
    const apply: typeof executor.apply = async step => {
      const applied = await executor.apply(step);
      await lose(acting.journal.file);
      return applied;
    };
    const engine = {...acting.ports.engine, executor: {...executor, apply}};
    const flags = {...noFlags, json: false, yes: true, set: ['older_than=0s', `application=${application}`]};
    expect(await exitCode(runRecipe({...acting.ports, engine}, 'kill-idle-sessions', flags))).toBe(8);
    const [ended, ...others] = acting.stderr.filter(text => text.startsWith('verified'));
    expect(others).toEqual([]);
    expect(await pidsOf(server, application)).toHaveLength(1);
    expect(ended).toMatch(/^verified terminate \d+ \(lost-/);
    expect(acting.stderr.at(-1)).toMatch(
      new RegExp(
        `the journal .* does not verify: it was ${{cut: 'truncated', emptied: 'truncated', removed: 'deleted', replaced: 'replaced'}[how] ?? how} during this run`,
      ),
    );
    expect(acting.stdout.at(-1)).toMatch(/failed: 1 verified, 1 not started/);
  });

  it('is not started if its chain is broken far from its end', async () => {
    await leak(server, 'broken', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    for (let step = 0; step < 100; step++) await acting.journal.append(intentOf('padding', step));
    const text = await readFile(acting.journal.file, 'utf8');
    await writeFile(acting.journal.file, text.replace('"step 3"', '"step X"'));
    const again = await createActing(server, {user: 'oncall', journal: acting.journal.file});
    const flags = {yes: true, set: ['older_than=0s', 'application=broken']};
    expect(await again.run('kill-idle-sessions', flags)).toBe(8);
    expect(await pidsOf(server, 'broken')).toHaveLength(1);
  });
});
