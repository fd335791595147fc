import {spawn} from 'node:child_process';
import {createInterface} from 'node:readline';

export type CommandResult = {
  /** Exit code; null if a signal ended it or it could not start. */
  code: number | null;
  /** Why it did not exit normally or could not start; null if it exited. */
  failure: string | null;
};

export type CommandOptions = {
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
  timeout_ms: number;
  onStarted?(pid: number): void;
  /** Each line of its stdout and stderr. */
  onLine(line: string): void;
};

/** Between SIGTERM and SIGKILL. */
const graceMs = 5000;
/** Wait for the last lines after the exit. */
const lastLinesMs = 500;

/**
 * Runs a command of the plan with /bin/sh, in its own process group: Ctrl-C in the terminal does not interrupt a
 * deployment, and the time limit ends all of its processes. Never rejects.
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
    let failure: string | null = null;
    const killGroup = (signal: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    };
    let killTimer: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => {
      failure = `took longer than ${timeout_ms / 1000} s`;
      killGroup('SIGTERM');
      killTimer = setTimeout(() => killGroup('SIGKILL'), graceMs);
    }, timeout_ms);
    for (const stream of [child.stdout, child.stderr]) createInterface({input: stream}).on('line', onLine);
    const finish = (code: number | null, reason: string | null) => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      resolve({code, failure: failure ?? reason});
    };
    child.on('error', error => finish(null, error.message));
    child.on('exit', (code, signal) => {
      const reason = signal === null ? null : `was ended by ${signal}`;
      // Its last lines may not have arrived; a process that it left in the background keeps the pipes open.
      child.on('close', () => finish(code, reason));
      setTimeout(() => finish(code, reason), lastLinesMs).unref();
    });
  });
}
