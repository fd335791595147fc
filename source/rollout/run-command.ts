import {spawn} from 'node:child_process';
import {createInterface} from 'node:readline';

export type CommandResult = {
  /** null: it was ended by a signal, or could not be started. */
  code: number | null;
  /** Why it did not end by itself, or could not begin. */
  trouble: string | null;
};

export type CommandOptions = {
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
  timeout_ms: number;
  /** It was begun. */
  onStarted?(pid: number): void;
  /** Each line it prints, as it comes. */
  onLine(line: string): void;
};

/** Between being asked to end and being ended. */
const graceMs = 5000;
const lastLinesMs = 500;

/**
 * A command of the user's own file, by the shell. It is a process group of its own: a Ctrl-C in the terminal does not
 * end a deployment in its middle, and a time limit ends all of it. Never rejects.
 */
export function runCommand(
  text: string,
  {cwd, env, timeout_ms, onStarted, onLine}: CommandOptions,
): Promise<CommandResult> {
  return new Promise(resolve => {
    const child = spawn('/bin/sh', ['-c', text], {
      cwd,
      env: {...env},
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (child.pid !== undefined) onStarted?.(child.pid);
    let trouble: string | null = null;
    const end = (signal: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // Gone meanwhile.
      }
    };
    let killing: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      trouble = `took longer than ${timeout_ms / 1000} s`;
      end('SIGTERM');
      killing = setTimeout(() => end('SIGKILL'), graceMs);
    }, timeout_ms);
    for (const stream of [child.stdout, child.stderr]) createInterface({input: stream}).on('line', onLine);
    const settle = (code: number | null, reason: string | null) => {
      clearTimeout(timer);
      clearTimeout(killing);
      resolve({code, trouble: trouble ?? reason});
    };
    child.on('error', error => settle(null, error.message));
    child.on('exit', (code, signal) => {
      const reason = signal === null ? null : `was ended by ${signal}`;
      // Its last lines may be on their way; what it left running in the background keeps the pipes open for ever.
      child.on('close', () => settle(code, reason));
      setTimeout(() => settle(code, reason), lastLinesMs).unref();
    });
  });
}
