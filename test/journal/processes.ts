import {type ChildProcessByStdio, spawn} from 'node:child_process';
import type {Readable, Writable} from 'node:stream';
import {fileURLToPath} from 'node:url';
import {onTestFinished} from 'vitest';

export type Child = {
  process: ChildProcessByStdio<Writable, Readable, null>;
  /** Resolves when it has printed the word; rejects if it exits first. */
  prints(word: string): Promise<void>;
  /** Resolves with its exit code; null if a signal ended it. */
  exited: Promise<number | null>;
};

/** Runs a test program from its source. */
export function startChild(program: URL, ...args: string[]): Child {
  const path = fileURLToPath(program);
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', text => {
    output += text;
  });
  const exited = new Promise<number | null>(resolve => child.once('exit', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    process: child,
    exited,
    prints: word =>
      new Promise((resolve, reject) => {
        const look = () => output.includes(word) && resolve();
        child.stdout.on('data', look);
        child.once('exit', code => reject(new Error(`it exited with ${code} before it printed ${word}`)));
        look();
      }),
  };
}
