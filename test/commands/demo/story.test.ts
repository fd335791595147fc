import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmod, readdir} from 'node:fs/promises';
import {createInterface} from 'node:readline';
import {describe, expect, it, onTestFinished} from 'vitest';
import {watchHarm} from '../../../source/commands/demo/story.ts';
import {stories} from '../../../source/demo/stories/index.ts';
import {storyNames} from '../../../source/demo/stories/names.ts';
import type {Finding, Harm} from '../../../source/model/recipe.ts';
import {runProgram, temporaryHome} from '../../cli/run-program.ts';
import {program} from '../../helpers/build.ts';
import {availableMajors} from '../../helpers/server.ts';

describe('poolctl demo --story without a server', () => {
  it('lists the stories, as text and as JSON', async () => {
    const {code, stdout} = await runProgram(['demo', '--story', 'list']);
    expect([code, stdout.split('\n').map(line => line.split(' ')[0])]).toEqual([0, [...storyNames, '']]);
    const {stdout: document} = await runProgram(['demo', '--story', 'list', '--json']);
    const {schema_version, stories} = JSON.parse(document);
    expect(schema_version).toBe(1);
    expect(stories).toHaveLength(storyNames.length);
    expect(stories[0]).toEqual({
      name: 'lock-queue',
      title: expect.any(String),
      page: expect.stringMatching('P2024'),
    });
  });

  it.each([
    [
      'a name of no story, with the nearest one',
      ['lock-que'],
      /no story "lock-que": did you mean "lock-queue"\?\n {2}The stories: lock-queue, hot-row, /,
    ],
    ['a name like none', ['zebra'], /no story "zebra"\n {2}The stories: /],
    ['--calm', ['lock-queue', '--calm'], /--calm cannot be used with --story/],
    ['--seed', ['lock-queue', '--seed', '2'], /--seed cannot be used with --story/],
  ])('refuses %s', async (_, args, message) => {
    const {code, stdout, stderr} = await runProgram(['demo', '--story', ...args]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });
});

describe('the result of a story', () => {
  const story = stories['lock-queue'];
  const advice: Finding = {recipe: 'x', severity: 'warning', subject: 'x', summary: 'another', evidence: {}};
  const harm: Harm = {kind: 'waiting', sessions: 3, share: 1, since: null};
  const cause: Finding = {...advice, summary: 'it waits', cause: story.first.cause, harm};
  it.each<[string, Finding[][], string | null]>([
    ['nothing if the cause was never found', [[], []], null],
    ['solved if no harm is left', [[], [cause], [advice]], 'solved'],
    [
      'not solved if harm is left, with the first finding',
      [[cause], [cause]],
      'not solved: at the end there was still: it waits',
    ],
  ])('is %s', (_, readings, expected) => {
    const watch = watchHarm(story);
    for (const findings of readings) watch.onFindings(findings);
    expect(watch.result()).toEqual(expected === 'solved' ? expect.stringMatching(/^solved/) : expected);
  });
});

describe.skipIf(availableMajors().length === 0)('poolctl demo --story', () => {
  it('prints the page and one snapshot with --once', async () => {
    const home = await folderForServers();
    const {code, stdout, stderr} = await runProgram(['demo', '--story', 'hot-row', '--once'], {
      home,
      env: {TMPDIR: home},
    });
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^poolctl demo: your page: events-api: 900 ms/),
    ]);
    expect(JSON.parse(stdout).target).toMatchObject({user: 'oncall', database: 'app'});
    expect(await readdir(home)).toEqual([]);
  });

  it('serves a server on which check names the cause first, its recipe cures it, and the end says how', async () => {
    const home = await folderForServers();
    const child = spawn(process.execPath, [program, 'demo', '--story', 'lock-queue', '--serve', '--json'], {
      env: {PATH: process.env.PATH, HOME: home, TMPDIR: home},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let told = '';
    child.stderr.on('data', (text: Buffer) => {
      told += text;
    });
    const ended = once(child, 'close');
    const [line] = await once(createInterface({input: child.stdout}), 'line');
    const {url, story} = JSON.parse(line);
    expect(story).toBe('lock-queue');

    // A crowd behind what has only begun is no finding for the first five seconds.
    let findings: Finding[] = [];
    await expect
      .poll(async () => {
        const found = await runProgram(['check', url, '--json'], {home});
        ({findings} = JSON.parse(found.stdout));
        return [found.code, findings[0]];
      })
      .toEqual([1, expect.objectContaining({cause: 'lock-queue', recipe: 'release-blockers'})]);
    const set = Object.entries(findings[0]?.acts?.[0]?.params ?? {}).flatMap(([key, value]) => [
      '--set',
      `${key}=${value}`,
    ]);
    const run = await runProgram(['run', 'release-blockers', url, ...set, '--yes'], {home});
    expect(run.code, run.stderr).toBe(0);
    const {stdout} = await runProgram(['check', url, '--json'], {home});
    expect(JSON.parse(stdout).findings).toEqual([]);

    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    expect(told).toMatch(/\npoolctl demo: how it was solved:\npoolctl demo: The migration/);
  });
});

/** PostgreSQL may run as another user, who needs access to it. */
async function folderForServers(): Promise<string> {
  const folder = await temporaryHome();
  await chmod(folder, 0o755);
  return folder;
}
