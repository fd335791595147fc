import {setImmediate as turn} from 'node:timers/promises';
import {expect, it} from 'vitest';
import {createCursorReports, createFramePace} from '../../source/console/screen/frame-pace.ts';

it('takes no answer for an earlier question whose own answer the shell has read', async () => {
  const written: string[] = [];
  const reports = createCursorReports(bytes => written.push(bytes));
  void reports.ask('frame', 60_000);
  // Stopped by SIGSTOP here: the shell got the answer.
  reports.forget();
  await reports.answered();
  const column = reports.ask('next frame', 60_000);
  reports.onReport(7);
  expect(await column).toBe(7);
  expect(written).toEqual(['frame\u001b[6n', 'next frame\u001b[6n']);
});

it('does not hold frames back for an answer that the shell has read, and queries again', async () => {
  let now_ms = 0;
  let ready = 0;
  const written: string[] = [];
  const write = (bytes: string) => {
    written.push(bytes);
    return true;
  };
  const reports = createCursorReports(write);
  const pace = createFramePace(reports, {write, onReady: () => ready++, now: () => now_ms});
  const full = 'x'.repeat(4000);
  void pace.begin('');
  reports.onReport(1);
  await turn();
  pace.write(full);
  now_ms = 4000;
  reports.onReport(1);
  await turn();
  expect(pace.isSlow()).toBe(true);
  expect(pace.write(full)).toBe(false);

  reports.forget();
  pace.restart();
  expect(ready).toBe(1);
  expect(pace.isSlow()).toBe(false);
  written.length = 0;
  expect(pace.write(full)).toBe(true);
  expect(written).toEqual([full, '\u001b[6n']);
});
