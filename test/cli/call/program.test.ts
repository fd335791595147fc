import {readFile} from 'node:fs/promises';
import {describe, expect, it} from 'vitest';
import {recipes} from '../../../recipes/index.ts';
import {flagAsTyped} from '../../../source/cli/call/usage.ts';
import {commands} from '../../../source/commands/index.ts';
import {failing, password, runProgram} from '../run-program.ts';

const others = commands.filter(({name}) => name !== 'console');
const address = `postgres://me:${encodeURIComponent(password)}@127.0.0.1:1/shop`;

describe('--version and --help', () => {
  it('answers --version with the version alone', async () => {
    const {version} = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(await runProgram(['--version'])).toMatchObject({code: 0, stdout: `${version}\n`, stderr: ''});
  });

  it('answers --help with every command, within 80 columns', async () => {
    const {code, stdout, stderr} = await runProgram(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const {name} of others) expect(stdout).toMatch(new RegExp(`^  poolctl ${name}\\b.* {2}\\S`, 'm'));
    expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
  });

  it.each(others)('answers $name --help with its flags', async ({name, flags}) => {
    const {code, stdout} = await runProgram([name, '--help']);
    expect(code).toBe(0);
    expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
    expect(stdout).toContain(`Usage: poolctl ${name}`);
    for (const flag of Object.keys(flags)) {
      expect(stdout).toMatch(new RegExp(`^ .*${flagAsTyped(flag)}\\b.* {2}\\S`, 'm'));
    }
    expect((await runProgram(['help', name])).stdout).toBe(stdout);
  });
});

describe('help of a recipe', () => {
  it.each([[['run', 'kill-idle-sessions', '--help']], [['help', 'run', 'kill-idle-sessions']]])(
    '%j lists its parameters with their defaults',
    async words => {
      const {code, stdout} = await runProgram(words);
      expect([code, stdout]).toEqual([
        0,
        expect.stringContaining('Usage: poolctl run kill-idle-sessions [url]'),
      ]);
      expect(stdout).toMatch(/^ +older_than +Minimum time in one of these states: .* \[5min\]$/m);
      expect(stdout).toMatch(/^ +--dry-run +/m);
      expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
    },
  );

  it('lists the recipes that can be run if none is named', async () => {
    const {stdout} = await runProgram(['run', '--help']);
    for (const {id, plan} of recipes) expect(stdout.includes(`  ${id}  `)).toBe(plan !== undefined);
  });
});

describe('a call that is wrong', () => {
  it.each([
    [['nonsense']],
    [['snapshot', 'a', 'b']],
    [['snapshot', '--nonsense']],
    [['run']],
    [['run', 'nonsense']],
    [['run', 'kill-idle-sessions', '--set', 'x', '--yes']],
    [['run', 'kill-idle-sessions']],
    [['run', 'kill-idle-sessions', '--yes', '--dry-run']],
    [['journal', 'nonsense']],
    [['journal', 'show']],
    [['journal', 'show', 'nonsense']],
    [['journal', 'list', 'a']],
    [['snapshot', '--wait', 'soon']],
    [['demo', '--interval', 'soon']],
    [['demo', '--once', '--serve']],
    [['snapshot', '--rates', '1h', '-h127.0.0.1']],
    [['snapshot', '--target', 'nonsense']],
    [['snapshot', 'mysql://db/shop']],
    // The console, without a terminal.
    [[]],
    [[address]],
  ])('%j exits 2', async words => {
    const [code, stderr] = await failing(words);
    expect(stderr).toMatch(/^poolctl: /);
    expect(code).toBe(2);
  });

  it("without a terminal, the console's error names the commands for scripts", async () => {
    expect(await failing([address])).toEqual([
      2,
      expect.stringMatching(/needs a terminal\n.*'poolctl snapshot'/),
    ]);
  });

  it.each([
    [['run', address]],
    [['run', 'kill-idle-sessions', '--set', address, '--yes']],
    [['journal', address]],
    [['chekc', address]],
    [['check', '--max-used', address]],
    [['journal', 'show', address]],
    [['snapshot', '--target', address]],
    [['snapshot', '--host', address]],
    [['snapshot', '--wait', address, '-h127.0.0.1']],
    [['snapshot', `--${address}`]],
    [['snapshot', address, address]],
    [[`${address} `, address]],
  ])('is reported without its password: %#', async words => {
    // runProgram fails if the password is in the output.
    expect((await failing(words))[0]).toBeGreaterThan(1);
  });
});
