import {expect, test} from 'vitest';
import {currentRequest} from '../../../source/replay/pool/request-trace.ts';
import type {ClientClass} from '../../../source/replay/prisma/measured-client.ts';
import {interceptConstructor} from '../../../source/replay/prisma/request-client.ts';

/** The client of an application, whose construction would connect in native code. */
class Native {
  constructor() {
    throw new Error('connected');
  }
  async $disconnect() {}
}

test("new PrismaClient() of an endpoint is the request's measured client, with what a subclass adds", async () => {
  const PrismaClient = interceptConstructor(Native as unknown as ClientClass) as unknown as new () => {
    user: {count(): Promise<number>};
  };
  class PrismaService extends PrismaClient {
    name = 'service';
    count() {
      return this.user.count();
    }
  }
  expect(() => new PrismaClient()).toThrow('connected');
  const measured = {user: {count: async () => 42}};
  const request = {prisma: measured} as unknown as NonNullable<ReturnType<typeof currentRequest.getStore>>;
  await currentRequest.run(request, async () => {
    expect(await new PrismaClient().user.count()).toBe(42);
    const service = new PrismaService();
    expect([service.name, await service.count()]).toEqual(['service', 42]);
  });
});
