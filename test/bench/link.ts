import type {AddressInfo} from 'node:net';
import {forkModule, nextMessage, stopChild} from './child.ts';
import type {LinkMessage} from './link-process.ts';

/** A slow link to a server on its own port (link-process.ts). */
export async function startLink(to: LinkMessage): Promise<{port: number; stop(): Promise<void>}> {
  const child = forkModule(new URL('./link-process.ts', import.meta.url));
  child.send(to);
  const {port} = await nextMessage<AddressInfo>(child);
  return {port, stop: () => stopChild(child)};
}
