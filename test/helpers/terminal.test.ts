import {existsSync} from 'node:fs';
import {afterEach, describe, expect, it} from 'vitest';
import {openTerminal, type Terminal, type TerminalOptions} from './terminal.ts';

const open: Terminal[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(terminal => terminal.close()));
});

/** Runs a small JavaScript program on a terminal that is closed after the test. */
function run(program: string, options: Partial<TerminalOptions> = {}): Terminal {
  const terminal = openTerminal({command: process.execPath, args: ['-e', program], ...options});
  open.push(terminal);
  return terminal;
}

const echoKeys = `
process.stdin.setRawMode(true);
process.stdin.on('data', data => {
  if (data.toString() === 'q') process.exit(7);
  process.stdout.write('<' + JSON.stringify(data.toString()) + '>');
});
process.stdout.write('ready ');`;

describe('the screen', () => {
  it('shows what a person sees, not what was written', async () => {
    const terminal = run(`process.stdout.write('wrong\\x1b[2J\\x1b[2;3Hright'); setTimeout(() => {}, 60000)`);
    await terminal.waitFor('right');
    expect(terminal.screen().slice(0, 3)).toEqual(['', '  right', '']);
    expect(terminal.screen()).toHaveLength(24);
    expect(terminal.rawOutput()).toContain('wrong');
    expect(terminal.bytesWritten()).toBe(Buffer.byteLength(terminal.rawOutput()));
    expect(terminal.cursor()).toEqual({x: 7, y: 1, isVisible: true});
  });

  it('has cells with colours, attributes and widths', async () => {
    const terminal = run(
      `process.stdout.write('\\x1b[1;7;31ma\\x1b[0m\\x1b[38;2;1;2;3;48;5;42mb\\x1b[0m日.'); `,
    );
    await terminal.onExit;
    expect(terminal.cell(0, 0)).toMatchObject({
      char: 'a',
      fg: 1,
      bg: 'default',
      isBold: true,
      isInverse: true,
    });
    expect(terminal.cell(1, 0)).toMatchObject({char: 'b', fg: '#010203', bg: 42, isBold: false});
    expect(terminal.cell(2, 0)).toMatchObject({char: '日', width: 2, fg: 'default'});
    expect(terminal.cell(3, 0)).toMatchObject({char: '', width: 0});
    expect(terminal.cell(4, 0).char).toBe('.');
  });

  it('is not seen while it is half drawn', async () => {
    const terminal = run(`process.stdin.setRawMode(true);
      process.stdin.once('data', () => process.stdout.write('right\\x1b[?2026l'));
      process.stdout.write('\\x1b[?2026hleft ');`);
    let isSeen = false;
    const seen = terminal.waitFor('left').then(() => (isSeen = true));
    await expect.poll(() => terminal.text()).toContain('left');
    expect(isSeen).toBe(false);
    terminal.press('enter');
    await seen;
    expect(terminal.text()).toContain('left right');
  });

  it('answers queries to the terminal', async () => {
    const terminal = run(`
      process.stdin.setRawMode(true);
      process.stdin.once('data', data => { console.log(JSON.stringify(data.toString())); process.exit() });
      process.stdout.write('abc\\x1b[6n');`);
    await terminal.onExit;
    expect(terminal.text()).toContain('\\u001b[1;4R');
  });
});

describe('the environment', () => {
  it('has no variable of the caller, no CI, and a home folder of its own', async () => {
    process.env.DATABASE_URL = 'postgresql://nobody@127.0.0.1/none';
    const terminal = run('console.log(Object.keys(process.env).sort().join(" "), process.cwd())', {
      columns: 300,
      env: {EXTRA: '1'},
    });
    await terminal.onExit;
    delete process.env.DATABASE_URL;
    expect(terminal.text()).toMatch(
      /^EXTRA HOME LANG PATH PWD TERM XDG_STATE_HOME .*poolctl-terminal-\w+\s*$/,
    );
  });
});

describe('keys', () => {
  it('reach the program by name', async () => {
    const terminal = run(echoKeys);
    await terminal.waitFor('ready');
    terminal.press('up', 'enter', 'ctrl-c', 'shift-tab', 'escape');
    await terminal.waitFor('\\u001b[A\\r\\u0003\\u001b[Z\\u001b');
    terminal.write('q');
    expect(await terminal.onExit).toEqual({exitCode: 7, signal: null});
  });

  it('follow the cursor key mode that the program set', async () => {
    const terminal = run(`process.stdout.write('\\x1b[?1h');${echoKeys}`);
    await terminal.waitFor('ready');
    terminal.press('down');
    await terminal.waitFor('\\u001bOB');
  });

  it('with an unknown name are refused', async () => {
    const terminal = run(echoKeys);
    await terminal.waitFor('ready');
    expect(() => terminal.press('ctrl-shift-f13')).toThrow('no key is named');
  });
});

describe('waitFor', () => {
  it('reports what was on the screen at the timeout', async () => {
    const terminal = run(echoKeys);
    await terminal.waitFor(/^ready/);
    await expect(terminal.waitFor('never', {timeout_ms: 20})).rejects.toThrow(
      /waited for "never": not seen within 20 ms\n\+-+\+\n\|ready/,
    );
  });

  it('does not wait for a program that has ended', async () => {
    const terminal = run(`console.log('last words'); process.exitCode = 3`);
    await expect(terminal.waitFor('never')).rejects.toThrow(/ended \(.*3.*\)\n[\s\S]*last words/);
    await expect(terminal.waitFor('never')).rejects.toThrow('has ended');
    await terminal.waitFor('last words');
  });

  it('returns the time of the output that fulfilled it', async () => {
    const terminal = run(echoKeys);
    const ready_ms = await terminal.waitFor('ready');
    expect(ready_ms).toBeGreaterThan(terminal.startedAt_ms);
    const written_ms = terminal.write('x');
    const seen_ms = await terminal.waitFor(({text}) => text().includes('"x"'));
    expect(seen_ms).toBeGreaterThan(written_ms);
    expect(seen_ms).toBeLessThanOrEqual(performance.now());
  });
});

describe('resize', () => {
  it('is passed to the program', async () => {
    const terminal = run(`
      const show = () => process.stdout.write('[' + process.stdout.columns + 'x' + process.stdout.rows + ']');
      process.stdout.on('resize', show); show(); setTimeout(() => {}, 60000)`);
    await terminal.waitFor('[80x24]');
    terminal.resize(120, 40);
    await terminal.waitFor('[120x40]');
    expect(terminal.screen()).toHaveLength(40);
  });
});

describe('the end of a program', () => {
  it('is reported with its signal', async () => {
    const terminal = run(echoKeys);
    await terminal.waitFor('ready');
    terminal.kill('SIGKILL');
    expect((await terminal.onExit).signal).toBe(9);
  });

  it('follows a lost terminal by SIGHUP', async () => {
    const terminal = run(echoKeys);
    await terminal.waitFor('ready');
    terminal.hangUp();
    expect((await terminal.onExit).signal).toBe(1);
  });

  it('leaves neither a folder nor a process', async () => {
    const terminal = run(`console.log(process.env.HOME); setTimeout(() => {}, 60000)`);
    await terminal.waitFor('poolctl-terminal-');
    const home = terminal.text().trim();
    expect(existsSync(home)).toBe(true);
    await terminal.close();
    expect(existsSync(home)).toBe(false);
    expect(() => process.kill(terminal.pid, 0)).toThrow('ESRCH');
  });
});

describe('terminal modes that were not restored', () => {
  const enter = `process.stdin.setRawMode(true); process.stdin.resume();
    process.stdout.write('\\x1b[?1049h\\x1b[?25l\\x1b[?2004h\\x1b[?1002hshown');`;

  it('are not reported for a program that restores them', async () => {
    const leave = `process.stdin.once('data', () => {
      process.stdin.setRawMode(false);
      process.stdout.write('\\x1b[?1002l\\x1b[?2004l\\x1b[?25h\\x1b[?1049l', () => process.exit(5)); })`;
    const terminal = run(`${enter}${leave}`, {checksRestore: true});
    await terminal.waitFor('shown');
    expect(terminal.isAlternateBuffer()).toBe(true);
    expect(terminal.cursor().isVisible).toBe(false);
    terminal.write('q');
    expect(await terminal.leftovers()).toEqual([]);
    expect(await terminal.onExit).toEqual({exitCode: 5, signal: null});
  });

  it('are all reported for a program that was killed', async () => {
    const terminal = run(`${enter}`, {checksRestore: true});
    await terminal.waitFor('shown');
    terminal.kill('SIGKILL');
    expect(await terminal.leftovers()).toEqual([
      'the alternate buffer is still shown',
      'the cursor is hidden',
      'bracketed paste is on',
      'mouse tracking is on (drag)',
      expect.stringMatching(/settings changed:.*-icanon.*-echo/),
    ]);
    expect((await terminal.onExit).exitCode).toBe(128 + 9);
  });

  it('are reported after Ctrl-C, too, although the shell around the program runs on', async () => {
    const terminal = run(`console.log('waiting'); setTimeout(() => {}, 60000)`, {checksRestore: true});
    await terminal.waitFor('waiting');
    terminal.press('ctrl-c');
    expect(await terminal.leftovers()).toEqual([]);
    expect((await terminal.onExit).exitCode).toBe(128 + 2);
  });
});
