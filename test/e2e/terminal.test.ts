import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {program} from '../helpers/build.ts';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import {openTerminal, type Terminal} from '../helpers/terminal.ts';

let server: TestServer;
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await shareTestServer({major: 18});
});
afterAll(() => server?.stop());
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
});

const overview = 'slots by application, role and client';

async function open(
  options: Parameters<typeof openProgram>[1] = {},
  args: string[] = ['--interval', '60s'],
): Promise<Terminal> {
  const terminal = openProgram([...args, server.superuserUrl], {columns: 100, rows: 30, ...options});
  terminals.push(terminal);
  await terminal.waitFor(overview);
  return terminal;
}

const prompt = 'shell>';
const isAtPrompt = ({screen}: Terminal) =>
  screen().some(
    (row, y, rows) => row.trimEnd().endsWith(prompt) && rows.slice(y + 1).every(below => below === ''),
  );

type ShellOptions = Partial<Parameters<typeof openTerminal>[0]>;

/** A shell with job control, at its prompt. */
async function openShell(options: ShellOptions = {}): Promise<Terminal> {
  const shell = openTerminal({
    command: '/bin/sh',
    args: ['-i'],
    columns: 100,
    rows: 30,
    env: {PS1: `${prompt} `},
    ...options,
  });
  terminals.push(shell);
  await shell.waitFor(prompt);
  return shell;
}

/** The same, with poolctl in its foreground. */
async function openShellWithConsole(options: ShellOptions = {}): Promise<Terminal> {
  const shell = await openShell(options);
  shell.type(`${process.execPath} ${program} --interval 60s '${server.superuserUrl}'`, 'enter');
  await shell.waitFor(overview);
  return shell;
}

/**
 * A line of its own: an answer of the terminal that poolctl had not read when it was stopped is typed into the shell. After
 * SIGSTOP the terminal is still raw, where Enter would not end a line.
 */
function typeLine(shell: Terminal, line: string): void {
  shell.type(`\n${line}\n`);
}

/** poolctl's own process: the shell's child. */
async function pidOf(terminal: Terminal): Promise<number> {
  const {readFile} = await import('node:fs/promises');
  const children = await readFile(`/proc/${terminal.pid}/task/${terminal.pid}/children`, 'utf8');
  return Number(children.trim().split(' ')[0]);
}

describe('without an alternate screen', () => {
  it('leaves the cursor on an empty last row', async () => {
    const shell = await openShellWithConsole({hasAlternateScreen: false});
    shell.press('q');
    await shell.waitFor(isAtPrompt);
    expect(shell.screen().at(-1)).toMatch(/^shell> ?$/);
    expect(shell.cursor()).toMatchObject({y: 29, isVisible: true});
  });
});

describe('a process that was stopped', () => {
  it.each(['SIGTSTP', 'SIGSTOP'] as const)(
    'from outside by %s draws everything again after fg',
    async signal => {
      const shell = await openShellWithConsole();
      process.kill(await pidOf(shell), signal);
      await shell.waitFor(/^shell>/m);
      if (signal === 'SIGTSTP') {
        expect(shell.isAlternateBuffer()).toBe(false);
        expect(shell.cursor().isVisible).toBe(true);
      }
      // The answer to a frame that was drawn right before.
      shell.write('\u001b[30;1R');
      typeLine(shell, 'fg');
      await shell.waitFor(
        ({isAlternateBuffer, text}) =>
          isAlternateBuffer() && text().includes(overview) && !text().includes(prompt),
      );
      // A key counts at once, without Enter and without its echo: the terminal is raw again.
      shell.press('2');
      await shell.waitFor('PID');
      expect(shell.cursor().isVisible).toBe(false);
      shell.press('q');
      await shell.waitFor(({isAlternateBuffer}) => !isAlternateBuffer());
    },
  );
});

describe('job control', () => {
  const isUp = ({isAlternateBuffer, text}: Terminal) => isAlternateBuffer() && text().includes(overview);
  const isDown = (shell: Terminal) => !shell.isAlternateBuffer() && isAtPrompt(shell);

  it('suspends and resumes five times in a row, and after bg', async () => {
    const shell = await openShellWithConsole();
    for (let round = 0; round < 5; round++) {
      shell.press('ctrl-z');
      await shell.waitFor(isDown);
      // In the background it may not have the terminal, and stops again.
      if (round === 2) typeLine(shell, 'bg');
      typeLine(shell, 'fg');
      await shell.waitFor(isUp);
    }
    shell.press('2');
    await shell.waitFor('PID');
    shell.press('q');
    await shell.waitFor(isDown);
    expect(shell.cursor().isVisible).toBe(true);
  });

  it('suspends once for two Ctrl-Z in one read', async () => {
    const shell = await openShellWithConsole();
    shell.press('ctrl-z', 'ctrl-z');
    await shell.waitFor(isDown);
    typeLine(shell, 'fg');
    await shell.waitFor(isUp);
    shell.press('2');
    await shell.waitFor('PID');
    shell.press('q');
    await shell.waitFor(isDown);
    expect(shell.text()).toMatch(/Stopped/);
    expect(shell.text().match(/Stopped/g)).toHaveLength(1);
  });

  it('starts in the background and draws when it is moved to the foreground', async () => {
    const shell = await openShell();
    shell.type(`${process.execPath} ${program} '${server.superuserUrl}' &`, 'enter');
    await shell.waitFor(isAtPrompt);
    shell.type('fg', 'enter');
    await shell.waitFor(isUp);
    shell.press('q');
    await shell.waitFor(isDown);
  });
});

describe.each(['SIGQUIT', 'SIGABRT', 'SIGUSR2', 'SIGALRM', 'SIGXCPU'] as const)('%s', signal => {
  it('ends the console as SIGTERM does', async () => {
    const terminal = await open({checksRestore: true});
    terminal.kill(signal);
    expect((await terminal.onExit).exitCode).toBe(143);
    expect(await terminal.leftovers()).toEqual([]);
  });
});

it('ignores SIGUSR1', async () => {
  const terminal = await open();
  const before = terminal.bytesWritten();
  terminal.kill('SIGUSR1');
  terminal.press('2');
  await terminal.waitFor('PID');
  expect(terminal.rawOutput().slice(before)).not.toMatch(/[Dd]ebugger/);
  await expect(fetch('http://127.0.0.1:9229/json/list')).rejects.toThrow();
});

describe('a terminal that is not read', () => {
  /** Larger than what the kernel keeps for a terminal. */
  const muchOutput = 200_000;
  async function fillUp(terminal: Terminal): Promise<void> {
    terminal.stopReading();
    for (let keys = 0; keys < 200; keys++) {
      terminal.press('2', 'ctrl-l', '3', 'ctrl-l');
      await new Promise(resolve => setTimeout(resolve, 5));
    }
  }

  const lastRead = async () =>
    (
      await server.query<{at: string}>(
        "SELECT max(query_start)::text AS at FROM pg_stat_activity WHERE application_name ~ 'poolctl'",
      )
    )[0]?.at;

  it('does not stop the refreshes, and shows the newest frame once it is read', async () => {
    const terminal = await open({columns: 160, rows: 50}, ['--interval', '500ms']);
    await fillUp(terminal);
    const before = await lastRead();
    await expect.poll(lastRead).not.toBe(before);
    terminal.press('2');
    const written = terminal.bytesWritten();
    terminal.readOn();
    await terminal.waitFor(/2 Sessions[\s\S]*PID/);
    expect(terminal.bytesWritten() - written).toBeLessThan(muchOutput);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const)('does not hold up %s', async (signal, code) => {
    const terminal = await open({columns: 160, rows: 50});
    await fillUp(terminal);
    terminal.kill(signal);
    await expect.poll(() => isAlive(terminal.pid)).toBe(false);
    terminal.readOn();
    expect((await terminal.onExit).exitCode).toBe(code);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

it.each([
  [[], /poolctl: the console needs a terminal with a cursor, and TERM is dumb\n.*snapshot.*check.*run/],
  [['play', 'no.poolctl'], /poolctl: the console needs a terminal with a cursor.*\n.*poolctl report/],
] as const)('is not shown on a dumb terminal: %j', async (args, said) => {
  const terminal = openProgram([...args, ...(args.length === 0 ? [server.superuserUrl] : [])], {
    columns: 200,
    env: {TERM: 'dumb'},
  });
  terminals.push(terminal);
  expect((await terminal.onExit).exitCode).toBe(2);
  expect(terminal.text()).toMatch(said);
  expect(terminal.rawOutput()).not.toContain('\u001b');
});

describe('the width of ambiguous characters', () => {
  it('is queried, and ASCII is drawn where it is two', async () => {
    await server.query(`CREATE ROLE "採点 größe" LOGIN PASSWORD 'x'`);
    const client = await server.connect({user: '採点 größe', password: 'x'});
    const terminal = await open({isAmbiguousWide: true});
    await terminal.waitFor(({text}) => text().replace(/[\x20-\x7e\n]/g, '') === '採点ö');
    expect(terminal.text()).toMatch(/^slots \[#/m);
    expect(terminal.text()).toContain('grö?e');
    // One below the other: nothing is drawn wider than it was counted.
    const y = terminal.screen().findIndex(row => row.includes('grö?e'));
    const x =
      terminal
        .screen()
        .find(row => row.startsWith('application '))
        ?.indexOf('client') ?? 0;
    expect([terminal.cell(x, y).char, terminal.cell(x + 1, y).char]).toEqual(['1', '2']);
    await client.end();
  });

  it.each([0, 300])('is answered to the program, not to the shell after it: %i ms away', async delay_ms => {
    const shell = await openShell({delay_ms});
    shell.type(`${process.execPath} ${program} '${server.superuserUrl}'`, 'enter', 'q');
    await shell.waitFor(({isAlternateBuffer}) => isAlternateBuffer());
    await shell.waitFor(terminal => !terminal.isAlternateBuffer() && isAtPrompt(terminal));
    shell.type('echo done', 'enter');
    await shell.waitFor(/^done$/m);
    expect(shell.text()).toMatch(/^q?shell> echo done$/m);
  });
});

it('draws one frame for keys that arrived together on a slow line, then quits', async () => {
  const clients = await Promise.all(
    Array.from({length: 12}, (_, index) => server.connect({application_name: `app-${index}`})),
  );
  const terminal = openProgram(['--interval', '60s', server.superuserUrl], {
    columns: 80,
    rows: 24,
    bytesPerSecond: 960,
  });
  terminals.push(terminal);
  await terminal.waitFor('slots by application');
  terminal.press('2');
  await terminal.waitFor(/app-.* idle|idle.* app-/);
  await terminal.waitFor(/q quit$/m);
  for (let keys = 0; keys < 90; keys++) {
    terminal.press(keys % 20 < 10 ? 'down' : 'up');
    await new Promise(resolve => setTimeout(resolve, 33));
  }
  const before = terminal.bytesWritten();
  terminal.press('q');
  expect((await terminal.onExit).exitCode).toBe(0);
  // A frame for each key would be some 15 kB.
  expect(terminal.bytesWritten() - before).toBeLessThan(2500);
  await Promise.all(clients.map(client => client.end()));
});
