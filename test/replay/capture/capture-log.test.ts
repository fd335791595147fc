import {expect, it} from 'vitest';
import {type CapturedStatement, createCaptureLog} from '../../../source/replay/capture/capture-log.ts';
import {endpointFileText, toEndpoint} from '../../../source/replay/capture/endpoint-file.ts';

const recorded: CapturedStatement = {
  connection: 0,
  segment: 0,
  text: 'SELECT 1',
  bound: null,
  tags: ['SELECT 1'],
  started_ms: 0,
  ended_ms: 1,
  rows: null,
  skipReason: null,
};

it('the capture log is bounded, and notes when it is full', () => {
  const log = createCaptureLog();
  for (let index = 0; index < 10_050; index++) log.add(recorded, 10);
  expect(toEndpoint(log, 'GET /x')).toMatchObject({
    statements: 10_000,
    notes: ['the capture was full: it holds the first 10000 statements'],
  });
  log.clear();
  log.add(recorded, 100 * 1024 * 1024);
  log.add(recorded, 1);
  expect(toEndpoint(log, 'GET /x').statements).toBe(1);
});

it('the capture log skips statements that were still running, and is sanitised', () => {
  const log = createCaptureLog();
  log.add({...recorded, ended_ms: null}, 10);
  log.add(recorded, 10);
  log.notes.add('odd \u001b[2J');
  const text = endpointFileText(toEndpoint(log, 'GET /x'), 'h:1/d\n; DROP');
  expect(text).toContain('-- Note: 1 statement skipped: still running when the capture ended.');
  expect(text.split('\n').slice(0, 2)).toEqual([
    '-- Captured from h:1/d ; DROP: 1 statement on 1 connection.',
    expect.stringContaining('protect it like the data'),
  ]);
  expect(text).not.toContain('\u001b');
});
