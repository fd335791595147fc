import {type ChildProcessByStdio, spawn} from 'node:child_process';
import type {Readable, Writable} from 'node:stream';
import {fileURLToPath} from 'node:url';
import {onTestFinished} from 'vitest';

export type Child = {
  process: ChildProcessByStdio<Writable, Readable, null>;
  /** Resolves when it has printed the word. */
  says(word: string): Promise<void>;
  /** Resolves with its exit code; null if a signal ended it. */
  exited: Promise<number | null>;
};

/** Runs a test program from its source. */
export function startChild(program: URL, ...args: string[]): Child {
  const path = fileURLToPath(program);
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', text => {
    said += text;
  });
  const exited = new Promise<number | null>(resolve => child.once('exit', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    process: child,
    exited,
    says: word =>
      new Promise((resolve, reject) => {
        const look = () => said.includes(word) && resolve();
        child.stdout.on('data', look);
        child.once('exit', code => reject(new Error(`it ended with ${code} and had not said ${word}`)));
        look();
      }),
  };
}
