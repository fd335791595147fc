import {spawn} from 'node:child_process';
import process from 'node:process';
import type {ServerFolder} from './server-folder.ts';

export type Watchdog = {
  /** Tells it that all is cleared away; resolves when it has ended. */
  dismiss(): Promise<void>;
};

/**
 * A small detached shell that holds a pipe from us. The kernel closes the pipe however we end, kill -9
 * included; without the word `done` before, it stops the server and removes the folder.
 */
export function startWatchdog(folder: ServerFolder): Watchdog {
  const shell = spawn('/bin/sh', ['-c', script, 'poolctl-watchdog', folder.data, folder.path], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {PATH: process.env.PATH ?? '/usr/bin:/bin'},
  });
  const ended = new Promise<void>(resolve => {
    shell.once('close', () => resolve());
    shell.once('error', () => resolve());
  });
  shell.stdin.on('error', () => {});
  shell.unref();
  if ('unref' in shell.stdin && typeof shell.stdin.unref === 'function') shell.stdin.unref();
  return {
    async dismiss() {
      shell.ref();
      shell.stdin.end('done\n');
      await ended;
    },
  };
}

const script = `
trap '' HUP INT TERM PIPE
read -r word
[ "$word" = done ] && exit 0
pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
line=$( (tr '\\0' ' ' <"/proc/$pid/cmdline" || ps -o args= -p "$pid") 2>/dev/null)
case "$line" in *"$1"*)
  for signal in CONT INT QUIT KILL; do
    kill -$signal "$pid" 2>/dev/null
    [ $signal = CONT ] && continue
    tries=0
    while [ $tries -lt 50 ] && kill -0 "$pid" 2>/dev/null; do tries=$((tries + 1)); sleep 0.1; done
    kill -0 "$pid" 2>/dev/null || break
  done
esac
rm -rf "$2" || { sleep 1; rm -rf "$2"; }
`;
