/** What is waited for: a text on the screen, a RegExp for its rows joined by \n, or a predicate. */
export type Expected<Shown> = string | RegExp | ((shown: Shown) => boolean);

type Screen = {
  screen(): string[];
  text(): string;
  /** Part of a frame has been written (synchronised output, mode 2026): no state to see. */
  isHalfDrawn(): boolean;
};

export type Waiting<Shown> = {
  /**
   * Resolves to the time (performance.now()) of the output after which the screen fulfils `expected`. Rejects after
   * `timeout_ms` or when the program ends, with the last screen in the message.
   */
  waitFor(expected: Expected<Shown>, timeout_ms: number): Promise<number>;
  /** The screen may have changed, by output of that time. */
  check(at_ms: number): void;
  /** Nothing is written any more: what is not on the screen by now never will be. */
  end(reason: string): void;
};

/** Waits for what the screen of a program shows. */
export function createWaiting<Shown extends Screen>(shown: Shown): Waiting<Shown> {
  const waiters = new Set<{check(at_ms: number): void; reject(reason: string): void}>();
  let ended: string | null = null;
  return {
    waitFor: (expected, timeout_ms) =>
      new Promise((resolve, reject) => {
        const fail = (reason: string) => {
          done();
          reject(new Error(`waited for ${describe(expected)}: ${reason}\n${framed(shown.screen())}`));
        };
        const timer = setTimeout(() => fail(`not seen within ${timeout_ms} ms`), timeout_ms);
        const done = () => {
          clearTimeout(timer);
          waiters.delete(waiter);
        };
        const waiter = {
          reject: fail,
          check(at_ms: number) {
            if (shown.isHalfDrawn()) return;
            try {
              if (!matches(shown, expected)) return;
              done();
              resolve(at_ms);
            } catch (error) {
              done();
              reject(error);
            }
          },
        };
        waiters.add(waiter);
        waiter.check(performance.now());
        if (ended !== null && waiters.has(waiter)) fail(`the program has ended (${ended})`);
      }),
    check(at_ms) {
      for (const waiter of waiters) waiter.check(at_ms);
    },
    end(reason) {
      ended = reason;
      for (const waiter of waiters) waiter.reject(`the program ended (${reason})`);
    },
  };
}

function matches<Shown extends Screen>(shown: Shown, expected: Expected<Shown>): boolean {
  if (typeof expected === 'function') return expected(shown);
  return typeof expected === 'string' ? shown.text().includes(expected) : expected.test(shown.text());
}

function describe<Shown>(expected: Expected<Shown>): string {
  return typeof expected === 'string' ? JSON.stringify(expected) : String(expected);
}

function framed(rows: string[]): string {
  const width = Math.max(...rows.map(row => row.length), 10);
  const edge = `+${'-'.repeat(width)}+`;
  return [edge, ...rows.map(row => `|${row.padEnd(width)}|`), edge].join('\n');
}

/** A row is selected: in words, or by a sign where those would cost the tabs their names. */
export const orderFrozen = /order frozen|≡/;
