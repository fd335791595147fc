import {readFile} from 'node:fs/promises';
import {describe, expect, it} from 'vitest';
import {recipes} from '../../../recipes/index.ts';
import {parseCall} from '../../../source/cli/call/parse-call.ts';
import {commands} from '../../../source/cli/call/usage.ts';
import {AbortError} from '../../../source/core/errors.ts';
import {failing, password, runProgram} from '../run-program.ts';

const names = Object.keys(commands).filter(name => name !== 'console');
const load = async () => recipes;
const address = `postgres://me:${encodeURIComponent(password)}@127.0.0.1:1/shop`;

describe('what is asked of the program itself', () => {
  it('answers --version with the version alone', async () => {
    const {version} = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(await runProgram(['--version'])).toMatchObject({code: 0, stdout: `${version}\n`, stderr: ''});
  });

  it('answers --help with every command, within 80 columns', async () => {
    const {code, stdout, stderr} = await runProgram(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const name of names) expect(stdout).toMatch(new RegExp(`^  poolctl ${name}\\b.* {2}\\S`, 'm'));
    expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
  });

  it.each(names)('answers %s --help with its flags, wherever it stands', async name => {
    const {code, stdout} = await runProgram([name, '--help']);
    expect(code).toBe(0);
    expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
    expect(stdout).toContain(`Usage: poolctl ${name}`);
    for (const flag of commands[name as keyof typeof commands].flags) {
      const typed = flag.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
      expect(stdout).toMatch(new RegExp(`^ .*--${typed}\\b.* {2}\\S`, 'm'));
    }
    expect(await parseCall([name, address, '--json', '--help'], load)).toEqual(
      await parseCall(['help', name], load),
    );
  });
});

describe('help of a recipe', () => {
  it.each([[['run', 'kill-idle-sessions', '--help']], [['help', 'run', 'kill-idle-sessions']]])(
    '%j has its parameters with what they are unless set',
    async words => {
      const {code, stdout} = await runProgram(words);
      expect([code, stdout]).toEqual([
        0,
        expect.stringContaining('Usage: poolctl run kill-idle-sessions [url]'),
      ]);
      expect(stdout).toMatch(/^ +older_than +in that state .* \[5min\]$/m);
      expect(stdout).toMatch(/^ +--dry-run +/m);
      expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
    },
  );

  it('lists those that act where none is named', async () => {
    const {stdout} = await runProgram(['run', '--help']);
    for (const {id, plan} of recipes) expect(stdout.includes(`  ${id}  `)).toBe(plan !== undefined);
  });
});

describe('words that are understood', () => {
  const understood: [string[], object][] = [
    [[], {command: 'console', words: [], flags: {}}],
    [[address, '--interval', '1s'], {command: 'console', words: [address], flags: {interval: '1s'}}],
    [
      ['snapshot', '-h', 'db', '-p', '6432'],
      {command: 'snapshot', words: [], flags: {host: 'db', port: 6432}},
    ],
    // As psql takes them.
    [
      ['doctor', '-hdb', '-p6432', '-Ume', '-dshop'],
      {
        command: 'doctor',
        words: [],
        flags: {host: 'db', port: 6432, username: 'me', dbname: 'shop'},
      },
    ],
    [
      ['--target', 'prod', 'snapshot', '--json'],
      {
        command: 'snapshot',
        words: [],
        flags: {target: 'prod', json: true},
      },
    ],
    [
      ['run', 'r', address, '--set', 'a=1', '--set=b=2', '--dry-run'],
      {
        command: 'run',
        words: ['r', address],
        flags: {set: ['a=1', 'b=2'], dryRun: true},
      },
    ],
    [['run', '--yes', 'r'], {command: 'run', words: ['r'], flags: {yes: true}}],
    [['journal', 'show', '1f'], {command: 'journal', words: ['show', '1f'], flags: {}}],
  ];
  it.each(understood)('%j', async (words, call) => {
    expect(await parseCall(words, load)).toEqual(call);
  });
});

describe('words that are not', () => {
  const refused: [string[], RegExp][] = [
    [['nonsense'], /no command "nonsense"/],
    [['help', 'nonsense'], /no command "nonsense"/],
    [['Check'], /no command "Check"/],
    [['snapshto', address], /no command "snapshto"/],
    [['snapshot', '--nonsense'], /'poolctl snapshot' takes no --nonsense/],
    [['snapshot', '--no-such'], /takes no --no-such/],
    [['-x'], /'poolctl' takes no -x/],
    [['-undefined'], /'poolctl' takes no -/],
    [['snapshot', '--set', 'a=b'], /takes no --set/],
    [['recipes', '--host', 'db'], /takes no --host/],
    [['snapshot', 'a', 'b'], /one word too many/],
    [['recipes', 'a'], /one word too many/],
    [['demo', 'a', 'b'], /2 words too many/],
    [['journal', 'list', 'a'], /one word too many/],
    [['run', 'r', address, 'b'], /one word too many/],
    [['snapshot', '--host'], /--host needs a value/],
    [['snapshot', '-p'], /--port needs a value/],
    [['run', 'r', '--set', '--yes'], /--set needs a value/],
    [['run', 'r', '--set='], /--set needs a value/],
    [['snapshot', '--host', 'a', '--host', 'b'], /--host is given twice/],
    [['snapshot', '-h', 'a', '--host', 'b'], /--host is given twice/],
    [['snapshot', '--port', 'abc'], /--port wants a whole number/],
    [['check', '--port', '-1'], /--port wants a whole number/],
    [['check', '--no-host'], /there is no --no-host/],
    [['demo', '--seed', '1.5'], /--seed wants a whole number/],
    // What acts must not hang on how a parser reads "false".
    [['run', 'r', '--yes=false'], /--yes takes no value/],
    [['run', 'r', '--no-dry-run'], /no --no-dry-run/],
  ];
  it.each(refused)('%j', async (words, message) => {
    const refusal = parseCall(words, load);
    await expect(refusal).rejects.toThrow(AbortError);
    await expect(refusal).rejects.toThrow(message);
    await expect(refusal).rejects.toMatchObject({exitCode: 2, hint: expect.any(String)});
  });

  it.each([
    [['chekc'], "Did you mean 'poolctl check'?"],
    [['check', '--maxused', '80%'], 'Did you mean --max-used?'],
    [['--verison'], 'Did you mean --version?'],
    [['snapshot', '--nonsense'], "'poolctl snapshot --help' lists what it takes"],
    [['check', '--max-used'], 'It is --max-used SHARE, such as 80%.'],
    [['snapshot', '--target'], 'It is --target NAME.'],
  ])('%j is helped by: %s', async (words, hint) => {
    await expect(parseCall(words, load)).rejects.toMatchObject({hint});
  });

  it.each([
    [['nonsense']],
    [['snapshot', 'a', 'b']],
    [['snapshot', '--nonsense']],
    [['run']],
    [['run', 'nonsense']],
    [['run', 'slots-nearly-full', '--yes']],
    [['run', 'kill-idle-sessions', '--set', 'x', '--yes']],
    [['run', 'kill-idle-sessions']],
    [['run', 'kill-idle-sessions', '--yes', '--dry-run']],
    [['journal', 'nonsense']],
    [['journal', 'show']],
    [['journal', 'show', 'nonsense']],
    [['snapshot', '--wait', 'soon']],
    [['demo', '--interval', 'soon']],
    [['demo', '--once', '--serve']],
    [['snapshot', '--rates', '1h', '-h127.0.0.1']],
    [['snapshot', '--target', 'nonsense']],
    [['snapshot', 'mysql://db/shop']],
    // The console, without a terminal.
    [[]],
    [[address]],
  ])('end the program with 2: %j', async words => {
    const [code, stderr] = await failing(words);
    expect(stderr).toMatch(/^poolctl: /);
    expect(code).toBe(2);
  });

  it('points at the command for scripts where the console has no terminal', async () => {
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
  ])('are told without the password that slipped into them: %#', async words => {
    // runProgram looks for it.
    expect((await failing(words))[0]).toBeGreaterThan(1);
  });
});
