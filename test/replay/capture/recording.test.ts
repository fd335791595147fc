import {expect, it} from 'vitest';
import {endpointFileText, toEndpoint} from '../../../source/replay/capture/endpoint-file.ts';
import {createRecording, type Recorded} from '../../../source/replay/capture/recording.ts';

const recorded: Recorded = {
  connection: 0,
  segment: 0,
  text: 'SELECT 1',
  bound: null,
  tags: ['SELECT 1'],
  started_ms: 0,
  ended_ms: 1,
  rows: null,
  leftOut: null,
};

it('keeps so much and says that there was more', () => {
  const recording = createRecording();
  for (let index = 0; index < 10_050; index++) recording.add(recorded, 10);
  expect(toEndpoint(recording, 'GET /x')).toMatchObject({
    statements: 10_000,
    notes: ['the capture was full: it holds the first 10000 statements'],
  });
  recording.clear();
  recording.add(recorded, 100 * 1024 * 1024);
  recording.add(recorded, 1);
  expect(toEndpoint(recording, 'GET /x').statements).toBe(1);
});

it('leaves out what was not over, and is sanitised where it is said', () => {
  const recording = createRecording();
  recording.add({...recorded, ended_ms: null}, 10);
  recording.add(recorded, 10);
  recording.notes.add('odd \u001b[2J');
  const text = endpointFileText(toEndpoint(recording, 'GET /x'), 'h:1/d\n; DROP');
  expect(text).toContain('-- Note: 1 left out: not over when the capture ended.');
  expect(text.split('\n').slice(0, 2)).toEqual([
    '-- Captured from h:1/d ; DROP: 1 statement on 1 connection.',
    expect.stringContaining('keep it as you keep the data'),
  ]);
  expect(text).not.toContain('\u001b');
});
