import {PassThrough} from 'node:stream';
import {expect, it} from 'vitest';
import type {InputEvent} from '../../../source/console/input/decoder.ts';
import {inputOptionsOf, readInput} from '../../../source/console/input/read-input.ts';

/** A reader whose timers run out when the test says so. */
function open() {
  const stdin = new PassThrough();
  const events: InputEvent[] = [];
  const timers = new Map<() => void, number>();
  const reader = readInput(stdin, read => events.push(...read), {
    escape_ms: 50,
    startTimer(ms, callback) {
      timers.set(callback, ms);
      return () => timers.delete(callback);
    },
  });
  const type = (text: string) => {
    // Handed on at once, as a flowing stream does.
    stdin.emit('data', Buffer.from(text));
  };
  const runOut = () => {
    for (const callback of [...timers.keys()]) {
      timers.delete(callback);
      callback();
    }
  };
  return {stdin, events, timers, reader, type, runOut};
}

const key = (name: string): InputEvent => ({kind: 'key', name});

it('joins a sequence whose rest arrives before the timeout', () => {
  const {events, timers, type, runOut} = open();
  type('\x1b');
  expect([...timers.values()]).toEqual([50]);
  type('[');
  type('B');
  expect(timers.size).toBe(0);
  runOut();
  expect(events).toEqual([key('down')]);
});

it('reads a lone ESC as the Esc key if nothing follows', () => {
  const {events, type, runOut} = open();
  type('\x1b');
  expect(events).toEqual([]);
  runOut();
  type('[B');
  expect(events).toEqual([key('escape'), key('['), key('B')]);
});

it('neither waits nor passes keys on once it is stopped', () => {
  const {stdin, events, timers, reader, type, runOut} = open();
  type('\x1b');
  reader.stop();
  expect(timers.size).toBe(0);
  runOut();
  stdin.write('q');
  expect(events).toEqual([]);
  expect(stdin.listenerCount('data')).toBe(0);
});

it('hands on all keys of a read together', () => {
  const stdin = new PassThrough();
  const reads: InputEvent[][] = [];
  readInput(stdin, events => reads.push(events));
  stdin.emit('data', Buffer.from('jj'));
  stdin.emit('data', Buffer.from('q'));
  expect(reads).toEqual([[key('j'), key('j')], [key('q')]]);
});

it('leaves keys typed while it is paused to the shell', async () => {
  const {stdin, events, reader, type} = open();
  type('\x1b');
  await reader.pause();
  expect(events).toEqual([key('escape')]);
  stdin.write('fg');
  await new Promise(resolve => setImmediate(resolve));
  expect(stdin.read()?.toString()).toBe('fg');
  reader.resume();
  expect(stdin.isPaused()).toBe(false);
});

it('takes ESCDELAY where it is a time of use', () => {
  expect(inputOptionsOf({ESCDELAY: '200'})).toEqual({escape_ms: 200});
  for (const ESCDELAY of [undefined, '', '0', '1e9', 'soon']) expect(inputOptionsOf({ESCDELAY})).toEqual({});
});
