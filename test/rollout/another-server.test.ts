import {access, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {createCliRoles, runProgram, temporaryHome, urlOf} from '../cli/run-program.ts';
import {startProxy} from '../helpers/proxy.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';

/** Findings of a fresh server do not fail the rollout. */
const limits = '{max_mean: 1h, min_cache_hit: 0%, min_index_hit: 0%}';

describeMainMajor('a rollout whose address leads to another server', major => {
  let first: TestServer;
  let second: TestServer;
  beforeAll(async () => {
    [first, second] = await Promise.all([shareTestServer({major}), shareTestServer({major})]);
    for (const server of [first, second]) await createCliRoles(server);
  });
  afterAll(() => Promise.all([first?.stop(), second?.stop()]));

  it('ignores the health of that server, and resumes on the first', async () => {
    const proxy = await startProxy(first);
    const home = await temporaryHome();
    await writeFile(
      join(home, 'plan.yaml'),
      `
name: web 2.15
every: 0.5s
thresholds: ${limits}
stages:
  - name: all
    promote: touch begun; while [ ! -e go ]; do sleep 0.05; done; echo promoted >> done
    rollback: echo back >> done
    watch: 5s
`,
    );
    const url = urlOf(proxy.addressOf(first), 'oncall');
    const rollout = () =>
      runProgram(['rollout', 'run', 'plan.yaml', url, '--yes', '--journal', 'j.jsonl'], {home});
    const running = rollout();
    await expect
      .poll(() =>
        access(join(home, 'begun')).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    proxy.redirectTo(second);
    await writeFile(join(home, 'go'), '');
    const stopped = await running;
    expect([stopped.code, stopped.stderr]).toEqual([
      6,
      expect.stringMatching(/all: this is server …\d+, not server …\d+; the rollout stops here/),
    ]);
    expect(await readFile(join(home, 'done'), 'utf8')).toBe('promoted\n');
    proxy.redirectTo(first);
    expect(await rollout()).toMatchObject({code: 0, stdout: expect.stringContaining('passed')});
    expect(await readFile(join(home, 'done'), 'utf8')).toBe('promoted\n');
  });
});
