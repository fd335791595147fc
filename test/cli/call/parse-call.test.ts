import {describe, expect, it} from 'vitest';
import {parseCall} from '../../../source/cli/call/parse-call.ts';
import {commands} from '../../../source/commands/index.ts';
import {AbortError} from '../../../source/core/errors.ts';

const address = 'postgres://me:secret@127.0.0.1:1/shop';

const parse = (words: readonly string[]) => {
  const call = parseCall(words, commands);
  return call.kind === 'version' ? call : {...call, command: call.command.name};
};

it('a flag has the same type in every command', () => {
  const types = new Map<string, string>();
  for (const {flags} of commands) {
    for (const [name, {type, alias, isMultiple}] of Object.entries(flags)) {
      const own = JSON.stringify([type, alias, isMultiple]);
      expect(types.get(name) ?? own, name).toBe(own);
      types.set(name, own);
    }
  }
});

describe('a call', () => {
  const understood: [string[], object][] = [
    [[], {command: 'console', words: [], flags: {}}],
    [[address, '--interval', '1s'], {command: 'console', words: [address], flags: {interval: '1s'}}],
    [
      ['snapshot', '-h', 'db', '-p', '6432'],
      {command: 'snapshot', words: [], flags: {host: 'db', port: 6432}},
    ],
    // The forms that psql accepts.
    [
      ['doctor', '-hdb', '-p6432', '-Ume', '-dshop'],
      {command: 'doctor', words: [], flags: {host: 'db', port: 6432, username: 'me', dbname: 'shop'}},
    ],
    [['doctor', '-p=6432', '--host=db'], {command: 'doctor', words: [], flags: {port: 6432, host: 'db'}}],
    [
      ['--target', 'prod', 'snapshot', '--json'],
      {command: 'snapshot', words: [], flags: {target: 'prod', json: true}},
    ],
    [
      ['run', 'r', address, '--set', 'a=1', '--set=b=2', '--dry-run'],
      {command: 'run', words: ['r', address], flags: {set: ['a=1', 'b=2'], dryRun: true}},
    ],
    [['run', '--yes', 'r'], {command: 'run', words: ['r'], flags: {yes: true}}],
    [['journal', 'show', '1f'], {command: 'journal', words: ['show', '1f'], flags: {}}],
    [['check', '--junit', '-'], {command: 'check', words: [], flags: {junit: '-'}}],
    [['check', '--min-seen', '50%'], {command: 'check', words: [], flags: {minAvailability: '50%'}}],
    [['snapshot', '--', address], {command: 'snapshot', words: [address], flags: {}}],
  ];
  it.each(understood)('%j', (words, call) => {
    expect(parse(words)).toEqual({kind: 'run', ...call});
  });

  it.each([
    [['snapshot', address, '--json', '--help'], 'snapshot'],
    [['help', 'snapshot'], 'snapshot'],
    [['--help'], 'console'],
    [['help'], 'console'],
  ])('%j is a call for help', (words, command) => {
    expect(parse(words)).toMatchObject({kind: 'help', command});
  });
});

describe('a call that is wrong', () => {
  const refused: [string[], RegExp][] = [
    [['nonsense'], /unknown command "nonsense"/],
    [['help', 'nonsense'], /unknown command "nonsense"/],
    [['Check'], /unknown command "Check"/],
    [['snapshto', address], /unknown command "snapshto"/],
    [['snapshot', '--nonsense'], /'poolctl snapshot' has no flag --nonsense/],
    [['snapshot', '--no-such'], /has no flag --no-such/],
    [['-x'], /'poolctl' has no flag -x/],
    [['-undefined'], /'poolctl' has no flag -/],
    [['run', 'r', '--dryRun'], /has no flag --dryRun/],
    [['run', 'r', '--older-than', '5min'], /has no flag --older-than/],
    [['snapshot', '--set', 'a=b'], /has no flag --set/],
    [['recipes', '--host', 'db'], /has no flag --host/],
    [['snapshot', 'a', 'b'], /^unexpected argument$/],
    [['recipes', 'a'], /^unexpected argument$/],
    [['demo', 'a', 'b'], /^2 unexpected arguments$/],
    [['run', 'r', address, 'b'], /^unexpected argument$/],
    [['snapshot', '--host'], /--host needs a value/],
    [['snapshot', '-p'], /--port needs a value/],
    [['run', 'r', '--set', '--yes'], /--set needs a value/],
    [['run', 'r', '--set='], /--set needs a value/],
    [['snapshot', '--host', 'a', '--host', 'b'], /--host is given twice/],
    [['snapshot', '-h', 'a', '--host', 'b'], /--host is given twice/],
    [['snapshot', '--port', 'abc'], /--port takes a whole number/],
    [['check', '--port', '-1'], /--port takes a whole number/],
    [['check', '--no-host'], /has no flag --no-host/],
    [['demo', '--seed', '1.5'], /--seed takes a whole number/],
    // A step must never be executed because of how a parser reads "false".
    [['run', 'r', '--yes=false'], /--yes takes no value/],
    [['run', 'r', '--no-dry-run'], /has no flag --no-dry-run/],
  ];
  it.each(refused)('%j', (words, message) => {
    expect(() => parse(words)).toThrow(AbortError);
    expect(() => parse(words)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(message),
        exitCode: 2,
        hint: expect.any(String),
      }),
    );
  });

  it.each([
    [['chekc'], "Did you mean 'poolctl check'?"],
    [['run', 'r', '--older-than', '5min'], "A recipe's parameters are given with --set older_than=VALUE."],
    [
      ['kill-idle-sessions'],
      "A recipe is run with 'poolctl run kill-idle-sessions'; 'poolctl recipes' lists them. To connect to a database by name, use -d NAME.",
    ],
    [['check', '--maxused', '80%'], 'Did you mean --max-used?'],
    [['run', 'r', '--dryRun'], 'Did you mean --dry-run?'],
    [['--verison'], 'Did you mean --version?'],
    [['run', 'r', '--no-yes'], 'Leave out --yes instead.'],
    [['snapshot', '--nonsense'], "'poolctl snapshot --help' lists its flags."],
    [['check', '--max-used'], 'Usage: --max-used SHARE, such as 80%.'],
    [['snapshot', '--target'], 'Usage: --target NAME.'],
  ])('%j gets the hint: %s', (words, hint) => {
    expect(() => parse(words)).toThrow(expect.objectContaining({hint}));
  });
});
