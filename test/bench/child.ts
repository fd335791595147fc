import {type ChildProcess, fork} from 'node:child_process';
import {once} from 'node:events';

/** Runs a module in its own process, which ends with this one. Uses tsx, because Node 20 does not run TypeScript. */
export function forkModule(url: URL): ChildProcess {
  return fork(url, {execArgv: ['--import', 'tsx']});
}

/** The next message of a forked process. Throws if the process ends first. */
export async function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  const stop = new AbortController();
  const ended = once(child, 'exit', stop).then(() => {
    throw new Error('a process of the bench ended before it answered');
  });
  try {
    const [message]: Message[] = await Promise.race([once(child, 'message', stop), ended]);
    if (message === undefined) throw new Error('an empty message');
    return message;
  } finally {
    ended.catch(() => {});
    stop.abort();
  }
}

/** Disconnects from a forked process, which then ends. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  if (child.connected) child.disconnect();
  else child.kill();
  await exit;
}
