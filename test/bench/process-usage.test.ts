import {existsSync} from 'node:fs';
import {afterAll, expect, it} from 'vitest';
import {openTerminal} from '../helpers/terminal.ts';
import {readUsage} from './process-usage.ts';

// A program that only starts another one, which burns CPU and holds 60 MB.
const child = `const held = Buffer.alloc(60e6, 1); const end = process.cpuUsage().user + 3e5;
  while (process.cpuUsage().user < end); console.log('burnt', held.length); setInterval(() => {}, 1000)`;
const terminal = openTerminal({
  command: '/bin/sh',
  args: ['-c', '"$0" -e "$1"; true', process.execPath, child],
});
afterAll(() => terminal.close());

it.skipIf(!existsSync('/proc/self/stat'))('counts what the children of a program use', async () => {
  await terminal.waitFor('burnt', {timeout_ms: 50_000});
  const usage = readUsage(terminal.pid);
  expect(usage.cpu_s).toBeGreaterThan(0.25);
  expect(usage.peakMemory_MB).toBeGreaterThan(90);
  expect(() => readUsage(2 ** 22 + 1)).toThrow('no process');
});
