import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {program} from '../helpers/build.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import {openTerminal, type Terminal} from '../helpers/terminal.ts';
import {orderFrozen} from '../helpers/terminal-waiting.ts';

let server: TestServer;
let folder: string;
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await shareTestServer({major: 18});
  const client = await server.connect({application_name: 'victim'});
  await client.query('BEGIN');
  await client.query("SELECT 'copied' AS me");
});
afterAll(() => server?.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'poolctl-multiplexer-'));
});
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
  rmSync(folder, {recursive: true});
});

function hasProgram(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`]);
    return true;
  } catch {
    return false;
  }
}

/** Types the command line into the multiplexer's shell, and copies the one session's statement. */
async function copyIn(command: string, args: string[]): Promise<Terminal> {
  const terminal = openTerminal({
    command,
    args: [...args, process.execPath, program, '--interval', '60s', server.superuserUrl],
    columns: 130,
    rows: 30,
    env: {LANG: 'C.UTF-8', TMUX_TMPDIR: folder, SCREENDIR: folder},
  });
  terminals.push(terminal);
  await terminal.waitFor('slots by application, role and client');
  terminal.press('2');
  await terminal.waitFor('victim');
  terminal.press('g');
  await terminal.waitFor(orderFrozen);
  terminal.press('y');
  return terminal;
}

const clipboardOf = (terminal: Terminal) => {
  const [, encoded = ''] =
    /\u001b\]52;c?;([A-Za-z0-9+/=]+)(?:\u0007|\u001b\\)/.exec(terminal.rawOutput()) ?? [];
  return Buffer.from(encoded, 'base64').toString();
};

describe.runIf(hasProgram('tmux'))('in tmux with its defaults', () => {
  it("copies into tmux's buffer and the terminal's clipboard", async () => {
    const terminal = await copyIn('tmux', ['-f', '/dev/null', 'new-session']);
    await terminal.waitFor("in tmux's buffer, and sent to the terminal");
    const env = {...process.env, TMUX_TMPDIR: folder};
    expect(execFileSync('tmux', ['show-buffer'], {env, encoding: 'utf8'})).toContain('AS me');
    expect(clipboardOf(terminal)).toContain('AS me');
    terminal.press('q');
    await terminal.onExit;
  });
});

describe.runIf(hasProgram('screen'))('in GNU screen as installed', () => {
  it("copies into the terminal's clipboard", async () => {
    const terminal = await copyIn('screen', ['-c', '/dev/null']);
    await terminal.waitFor('sent to the terminal through GNU screen');
    await expect.poll(() => clipboardOf(terminal)).toContain('AS me');
    terminal.press('q');
    await terminal.onExit;
  });
});
