import {execFileSync, spawnSync} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import {expect, it} from 'vitest';
import {manPage} from '../../../source/cli/call/help-text.ts';
import {flagAsTyped} from '../../../source/cli/call/usage.ts';
import {commands} from '../../../source/commands/index.ts';

const file = fileURLToPath(new URL('../../../man/poolctl.1', import.meta.url));
const hasGroff = spawnSync('groff', ['--version']).status === 0;

it('the man page is the output of npm run man', async () => {
  const manifest = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
  expect(await readFile(file, 'utf8')).toBe(manPage(commands, manifest));
  expect(manifest.man).toBe('man/poolctl.1');
});

it('the man page has every command with every flag it takes', async () => {
  const sections = (await readFile(file, 'utf8')).split('\n.SS ').slice(1);
  expect(sections).toHaveLength(commands.length);
  for (const [index, {flags}] of commands.entries()) {
    const text = sections[index]?.replaceAll('\\-', '-') ?? '';
    for (const name of Object.keys(flags))
      expect(text).toMatch(new RegExp(`^\\.B ".*${flagAsTyped(name)}\\b`, 'm'));
  }
});

it('the man page uses only macros of man(7)', async () => {
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    expect(line).toMatch(/^($|[^.']|\.(TH|SH|SS|TP|PP|B|br)\b|\.\\")/);
  }
});

it.runIf(hasGroff)('groff formats the man page without a warning', () => {
  const {stderr, stdout} = spawnSync('groff', ['-man', '-ww', '-Tutf8', file], {encoding: 'utf8'});
  expect(stderr).toBe('');
  expect(stdout).toContain('poolctl');
});

it.runIf(hasGroff)('the formatted man page has ASCII hyphens, so that flags can be copied', () => {
  const text = execFileSync('groff', ['-man', '-Tascii', '-P-c', file], {encoding: 'utf8'});
  expect(text.replace(/.\u0008/g, '')).toContain('--max-used SHARE');
});
