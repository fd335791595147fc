import type {ChildProcess} from 'node:child_process';
import {forkModule, nextMessage, stopChild} from './child.ts';
import type {LoadAnswer, LoadMessage} from './load-process.ts';

export type Load = {saturate(): Promise<void>; calm(): Promise<void>; stop(): Promise<void>};

/** Opens `sessions` sessions of ordinary applications, with light traffic (load-process.ts). */
export async function startLoad(options: {url: string; sessions: number}): Promise<Load> {
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
