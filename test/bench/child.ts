import {type ChildProcess, fork} from 'node:child_process';
import {once} from 'node:events';
import type {AddressInfo} from 'node:net';
import type {LinkMessage} from './link-process.ts';
import type {LoadAnswer, LoadMessage} from './load-process.ts';

/** Runs a module in its own process, which ends with this one. Uses tsx, because Node 20 does not run TypeScript. */
function forkModule(url: URL): ChildProcess {
  return fork(url, {execArgv: ['--import', 'tsx']});
}

/** The next message of a forked process. Throws if the process ends first. */
async function nextMessage<Message>(child: ChildProcess): Promise<Message> {
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
async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  if (child.connected) child.disconnect();
  else child.kill();
  await exit;
}

/** A slow link to a server on its own port (link-process.ts). */
export async function startLink(to: LinkMessage): Promise<{port: number; stop(): Promise<void>}> {
  const child = forkModule(new URL('./link-process.ts', import.meta.url));
  child.send(to);
  const {port} = await nextMessage<AddressInfo>(child);
  return {port, stop: () => stopChild(child)};
}

export type Load = {saturate(): Promise<void>; calm(): Promise<void>; stop(): Promise<void>};

/** Opens `sessions` sessions of ordinary applications, with light traffic (load-process.ts). */
export async function startLoad(options: {
  url: string;
  sessions: number;
  applications?: number;
}): Promise<Load> {
  const child = forkModule(new URL('./load-process.ts', import.meta.url));
  const stop = () => stopChild(child);
  try {
    await ask(child, {type: 'hold', ...options});
  } catch (error) {
    await stop();
    throw error;
  }
  return {saturate: () => ask(child, {type: 'saturate'}), calm: () => ask(child, {type: 'calm'}), stop};
}

async function ask(child: ChildProcess, message: LoadMessage): Promise<void> {
  child.send(message);
  const answer = await nextMessage<LoadAnswer>(child);
  if (answer.type === 'failed') throw new Error(`the load: ${answer.message}`);
}
