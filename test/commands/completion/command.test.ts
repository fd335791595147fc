import {spawnSync} from 'node:child_process';
import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {recipes} from '../../../recipes/index.ts';
import {flagAsTyped} from '../../../source/cli/call/usage.ts';
import {shells} from '../../../source/commands/completion/command.ts';
import {describeCompletions} from '../../../source/commands/completion/completions.ts';
import {renderBash} from '../../../source/commands/completion/render-bash.ts';
import {renderFish} from '../../../source/commands/completion/render-fish.ts';
import {renderZsh} from '../../../source/commands/completion/render-zsh.ts';
import {commands} from '../../../source/commands/index.ts';
import {temporaryFolder} from '../../cli/execution/acting.ts';
import {environmentOf, findShell, offersOfFish, offersOfZsh} from './shells.ts';

const completions = describeCompletions(commands, {recipes, targets: ['prod', 'two words', '$(id)']});
const scripts = {
  bash: renderBash(completions),
  zsh: renderZsh(completions),
  fish: renderFish(completions),
};
const names = commands.map(({name}) => name).filter(name => name !== 'console');
const acting = recipes.filter(({plan}) => plan !== undefined).map(({id}) => id);

const found = {
  bash: {program: 'bash', root: null},
  zsh: await findShell('zsh'),
  fish: await findShell('fish'),
};

describe.each(shells)('the script for %s', name => {
  it('has every command, every flag and every recipe that can be run', () => {
    const script = scripts[name];
    for (const {name: command, flags} of commands) {
      expect(script).toContain(command);
      for (const flag of Object.keys(flags)) {
        const long = flagAsTyped(flag);
        expect(script).toMatch(
          name === 'fish' ? new RegExp(`-l ${long.slice(2)} `) : new RegExp(`${long}\\b`),
        );
      }
    }
    for (const id of acting) expect(script).toContain(id);
    expect(script).toContain('prod');
    // A name that a shell would have to quote is omitted.
    expect(script).not.toMatch(/two words|\$\(id\)/);
  });

  const shell = found[name];
  it.skipIf(typeof shell === 'string')('has valid syntax', async () => {
    if (typeof shell === 'string') return;
    const file = join(await temporaryFolder(), `poolctl.${name}`);
    await writeFile(file, scripts[name]);
    const checked = spawnSync(shell.program, ['-n', file], {encoding: 'utf8', env: environmentOf(shell)});
    expect(checked).toMatchObject({status: 0, stderr: ''});
  });
});

/** The words of a line, the last of them incomplete, and its completions. */
const offers: [string[], string[]][] = [
  [
    ['poolctl', ''],
    [...names, 'help'],
  ],
  [['poolctl', 'che'], ['check']],
  [['poolctl', 'help', 'jour'], ['journal']],
  [['poolctl', '--inter'], ['--interval']],
  [['poolctl', 'check', '--max-us'], ['--max-used']],
  [['poolctl', '--target', 'prod', 'check', '--max-us'], ['--max-used']],
  [['poolctl', 'recipes', '--max-us'], []],
  [['poolctl', 'journal', 'ver'], ['verify']],
  [
    ['poolctl', 'journal', 'export', '--format', ''],
    ['jsonl', 'csv', 'markdown'],
  ],
  [['poolctl', 'rollout', 'st'], ['status']],
  [['poolctl', 'run', 'kill-i'], ['kill-idle-sessions']],
  [['poolctl', 'run', '--dry-run', 'kill-i'], ['kill-idle-sessions']],
  [['poolctl', 'run', 'kill-idle-sessions', '--set', 'older'], ['older_than=']],
  [['poolctl', 'check', '--target', ''], ['prod']],
  [['poolctl', 'check', '--max-used', ''], []],
  [['poolctl', 'completion', ''], [...shells]],
];

describe('bash', () => {
  /** The completions that bash offers for the last word of COMP_WORDS. */
  const offered = async (words: string[], cwd?: string) => {
    const quoted = words.map(word => `'${word}'`).join(' ');
    const call = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _poolctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const {stdout, stderr} = spawnSync('bash', ['--norc', '-c', `${scripts.bash}\n${call}`], {
      encoding: 'utf8',
      ...(cwd !== undefined && {cwd}),
    });
    expect(stderr).toBe('');
    return stdout.split('\n').filter(Boolean);
  };

  it.each<[string[], string[]]>([
    ...offers,
    // --format=m, as bash splits it.
    [['poolctl', 'journal', 'export', '--format', '=', 'm'], ['markdown']],
    [
      ['poolctl', 'journal', 'export', '--format', '='],
      ['jsonl', 'csv', 'markdown'],
    ],
  ])('%j', async (words, expected) => {
    expect(await offered(words)).toEqual(expected);
  });

  it('offers files if a flag or an argument takes one', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'before one.json'), '');
    await mkdir(join(folder, 'before-two'));
    const all = ['before one.json', 'before-two'];
    expect((await offered(['poolctl', 'check', '--baseline', 'bef'], folder)).sort()).toEqual(all);
    expect((await offered(['poolctl', 'play', 'bef'], folder)).sort()).toEqual(all);
    expect((await offered(['poolctl', 'rollout', 'run', 'bef'], folder)).sort()).toEqual(all);
    expect(await offered(['poolctl', 'recipes', '--check', 'bef'], folder)).toEqual(['before-two']);
  });
});

describe.each([
  ['zsh', offersOfZsh, found.zsh],
  ['fish', offersOfFish, found.fish],
] as const)('%s', (name, offersOf, shell) => {
  it.skipIf(typeof shell === 'string')(
    'offers the same words as the bash script in its own shell',
    async () => {
      if (typeof shell === 'string') return;
      const offered = await offersOf(shell, scripts[name])(offers.map(([words]) => words.join(' ')));
      const sorted = offered.map((words, index) => [offers[index]?.[0], words.sort()]);
      expect(sorted).toEqual(offers.map(([words, expected]) => [words, [...expected].sort()]));
    },
  );

  it.skipIf(typeof shell === 'string')('offers files if a flag or an argument takes one', async () => {
    if (typeof shell === 'string') return;
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'before-one.json'), '');
    await mkdir(join(folder, 'before-two'));
    const offered = await offersOf(shell, scripts[name])(
      [
        'poolctl check --baseline bef',
        'poolctl play bef',
        'poolctl rollout run bef',
        'poolctl recipes --check bef',
      ],
      folder,
    );
    const all = ['before-one.json', 'before-two'];
    expect(offered.map(words => words.map(word => word.replace(/\/$/, '')).sort())).toEqual([
      all,
      all,
      all,
      ['before-two'],
    ]);
  });
});
