import {chmodSync, mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, it} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import type {Terminal} from '../helpers/terminal.ts';

/** The demo's temporary folder, to check that it leaves nothing behind. */
let folder: string;
let terminal: Terminal | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'poolctl-demo-test-'));
  // The server runs as another user, who must be able to traverse this folder.
  chmodSync(folder, 0o755);
});
afterEach(async () => {
  await terminal?.close();
  terminal = null;
  rmSync(folder, {recursive: true, force: true});
});

it('shows its incident in the console, and the recipe for the leak ends it', async () => {
  terminal = openProgram(['demo', '--journal', join(folder, 'journal.jsonl')], {
    columns: 160,
    rows: 50,
    env: {TMPDIR: folder},
  });
  await terminal.waitFor('slots by application, role and client', {timeout_ms: 60_000});
  await terminal.waitFor(/(critical|warning) .*\d+ of 57 slots are in use/);
  const leak =
    /assessments-import\/assessments_app leaks \d+ sessions idle in transaction.*kill-idle-sessions +\[(\w)\]/;
  // While slots run short, a session counts as leaked after ten seconds idle in transaction.
  await terminal.waitFor(leak, {timeout_ms: 90_000});
  const [, key = ''] = leak.exec(terminal.text()) ?? [];
  terminal.press(key);
  await terminal.waitFor(/\[a\] terminate \d+ leaked sessions of assessments-import/);
  terminal.press('a');
  await terminal.waitFor('Enter next');
  terminal.press('enter');
  await terminal.waitFor(/application +assessments-import/);
  terminal.press('enter');
  await terminal.waitFor(/\d+ sessions to end/);
  const [, count] = /(\d+) sessions to end/.exec(terminal.text()) ?? [];
  terminal.press('enter');
  await terminal.waitFor('type yes to run it');
  terminal.type('yes', 'enter');
  await terminal.waitFor(`done: ${count} verified`, {timeout_ms: 30_000});
  terminal.press('enter');
  await terminal.waitFor(screen => !screen.text().includes('assessments-import/assessments_app leaks'));
  terminal.press('q');
  expect((await terminal.onExit).exitCode).toBe(0);
  expect(readdirSync(folder)).toEqual(['journal.jsonl']);
}, 180_000);
