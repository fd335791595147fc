import {setImmediate as turn} from 'node:timers/promises';
import {describe, expect, it} from 'vitest';
import {createFramePace} from '../../source/console/screen/frame-pace.ts';

/** A line with so many bytes a millisecond, and a clock that stands until it is moved. */
function createLine(bytesPerMs: number, roundTrip_ms: number) {
  let now_ms = 0;
  let shownAt_ms = 0;
  let written = 0;
  let ready = 0;
  const answers: {at_ms: number; answer(column: number | null): void}[] = [];
  const write = (bytes: string) => {
    written += bytes.length;
    shownAt_ms = Math.max(shownAt_ms, now_ms) + bytes.length / bytesPerMs;
    return true;
  };
  const pace = createFramePace(
    {
      ask(bytes) {
        write(bytes);
        return new Promise(resolve => {
          answers.push({at_ms: shownAt_ms + roundTrip_ms, answer: resolve});
        });
      },
    },
    {
      write,
      onReady: () => {
        ready += 1;
      },
      now: () => now_ms,
    },
  );
  return {
    pace,
    written: () => written,
    ready: () => ready,
    async pass(ms: number) {
      const until_ms = now_ms + ms;
      for (let next = answers[0]; next && next.at_ms <= until_ms; next = answers[0]) {
        answers.shift();
        now_ms = Math.max(now_ms, next.at_ms);
        next.answer(1);
        await turn();
      }
      now_ms = until_ms;
    },
    async giveUp() {
      for (const {answer} of answers.splice(0)) answer(null);
      await turn();
    },
  };
}

const full = 'x'.repeat(4000);
const small = 'x'.repeat(150);

describe('frames', () => {
  it.each([
    ['9600 baud', 0.96, 5],
    ['9600 baud, far away', 0.96, 400],
    ['38,400 baud', 3.84, 5],
  ])('wait for the one before on a slow line: %s', async (_name, bytesPerMs, roundTrip_ms) => {
    const line = createLine(bytesPerMs, roundTrip_ms);
    void line.pace.begin('');
    expect(line.pace.write(full)).toBe(true);
    await line.pass(6000);
    expect(line.pace.isSlow()).toBe(true);
    expect(line.pace.write(small)).toBe(false);
    line.pace.onTaken();
    expect(line.ready()).toBe(0);
    await line.pass(1000);
    expect(line.ready()).toBe(1);
  });

  it.each([
    ['a window', 10_000, 1],
    ['ssh over 300 ms', 500, 300],
    ['115,200 baud', 11.5, 5],
  ])('do not wait on any other: %s', async (_name, bytesPerMs, roundTrip_ms) => {
    const line = createLine(bytesPerMs, roundTrip_ms);
    void line.pace.begin('');
    for (let frame = 0; frame < 5; frame++) {
      expect(line.pace.write(full)).toBe(true);
      expect(line.pace.write(small)).toBe(true);
      await line.pass(1000);
    }
    expect(line.pace.isSlow()).toBe(false);
  });

  it('no longer wait when the line is faster again', async () => {
    const line = createLine(1, 5);
    void line.pace.begin('');
    line.pace.write(full);
    await line.pass(5000);
    const faster = line.pace.write(full);
    expect(faster).toBe(false);
    await line.giveUp();
    expect(line.ready()).toBe(1);
    expect(line.pace.write(full)).toBe(true);
  });

  it('do not query a terminal again that did not answer', async () => {
    const line = createLine(10_000, 1);
    const column = line.pace.begin('');
    await line.giveUp();
    expect(await column).toBeNull();
    line.pace.write(full);
    expect(line.written()).toBe(full.length);
  });
});
