import {readdir, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {temporaryFolder} from '../cli/execution/acting.ts';
import {runProgram} from '../cli/run-program.ts';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';

const terminals: Terminal[] = [];
let server: TestServer;
beforeAll(async () => {
  server = await shareTestServer({major: 18});
  await server.query('CREATE TABLE twice AS SELECT 1 AS id FROM generate_series(1, 2)');
  // Leaves an invalid index behind, which nothing but the catalog knows of.
  await server.query('CREATE UNIQUE INDEX CONCURRENTLY half_built ON twice (id)').catch(() => {});
});
afterAll(() => server?.stop());
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
});

function open(args: string[], cwd: string): Terminal {
  const terminal = openProgram(args, {columns: 140, rows: 40, cwd});
  terminals.push(terminal);
  return terminal;
}

describe('record and play', () => {
  it('plays what was recorded, in the same console, and reports it', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'out.poolctl');
    await server.connect({application_name: 'recorded-shop'});
    const recorded = await runProgram(['record', file, server.url(), '--interval', '1s', '--for', '5s']);
    expect(recorded).toMatchObject({code: 0, stdout: ''});
    expect(recorded.stderr).toMatch(/\d+ snapshots, .* written to/);

    const terminal = open(['play', file], folder);
    await terminal.waitFor('recorded-shop');
    await terminal.waitFor(/recording .*playing 1x/);
    terminal.press('p');
    await terminal.waitFor(/recording stopped/);
    terminal.press('{');
    await terminal.waitFor(() => / \S+ ●/.test(terminal.screen().at(-2) ?? ''));
    const before = timeOn(terminal);
    terminal.press(']');
    await terminal.waitFor(() => timeOn(terminal) !== before);
    await terminal.waitFor('half_built');
    terminal.press('2', 'g', 'K');
    await terminal.waitFor('this is a recording: no recipe can be run on it');
    terminal.press('q');
    expect(await terminal.onExit).toMatchObject({exitCode: 0});

    const html = join(folder, 'out.html');
    const report = await runProgram(['report', file, '--html', html]);
    expect(report.code).toBe(0);
    expect((await stat(html)).mode & 0o777, 'it holds statements').toBe(0o600);
    const printed = await runProgram(['report', file, '--html', '-']);
    expect(printed.stdout).toMatch(/^<!DOCTYPE html>/);
    const markdown = await runProgram(['report', file]);
    expect(markdown.stdout).toContain('## Figures');
    expect(markdown.stdout).toMatch(/\| end \| .* \| `repair-invalid-indexes` \| `.*half_built/);
  });

  it('refuses a file that is not a recording, and a report without snapshots', async () => {
    expect(await runProgram(['report', '/etc/hostname'])).toMatchObject({code: 2});
    expect(await runProgram(['report'])).toMatchObject({code: 2});
    expect(await runProgram(['record'])).toMatchObject({code: 2});
    expect(await runProgram(['report', '--since', 'noon'])).toMatchObject({code: 2});
  });
});

describe('the last hour of the console', () => {
  it('can be viewed, left for the present, and saved', async () => {
    const folder = await temporaryFolder();
    const terminal = open(['--interval', '1s', server.url()], folder);
    await terminal.waitFor('slots by application, role and client');
    // Facts are read in the background: from here on readings are kept with what they tell.
    await terminal.waitFor('half_built');
    const gone = await server.connect({application_name: 'short-lived'});
    await terminal.waitFor('short-lived');
    await gone.end();
    await terminal.waitFor(() => !terminal.text().includes('short-lived'));
    terminal.press('[');
    await terminal.waitFor('past stopped');
    for (let back = 0; back < 40 && !terminal.text().includes('short-lived'); back++) {
      const before = timeOn(terminal);
      terminal.press('[');
      await terminal.waitFor(() => timeOn(terminal) !== before);
    }
    expect(terminal.text()).toContain('short-lived');
    expect(terminal.text()).toMatch(/past stopped \d{4}-/);
    expect(terminal.text()).toContain('half_built');
    terminal.press('L');
    await terminal.waitFor(() => !terminal.text().includes('short-lived'));
    terminal.press('w');
    await terminal.waitFor('written to');
    const [file = ''] = (await readdir(folder)).filter(name => name.endsWith('.poolctl'));
    const {stdout} = await runProgram(['report', join(folder, file)]);
    expect(stdout).toContain('slots used');
    expect(stdout).toContain('half_built');
    terminal.press('q');
    expect(await terminal.onExit).toMatchObject({exitCode: 0});
  });
});

/** When the reading on show was taken: the end of the header. */
function timeOn(terminal: Terminal): string {
  return terminal.screen()[0]?.trimEnd().slice(-8) ?? '';
}
