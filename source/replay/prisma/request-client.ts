import {currentRequest} from '../pool/request-trace.ts';
import {isEndpointCode, refusalOf} from '../sandbox/outbound.ts';
import type {ClientClass} from './measured-client.ts';

type ExtendClient = (client: object) => object;

/**
 * A Prisma Client that forwards each call to the measured client of the current request. Code may extend it and read its
 * models before the first request. What `target` has itself is not forwarded.
 */
export function requestClient(extend: ExtendClient = client => client, target: object = {}): object {
  const current = (): object => {
    const client = currentRequest.getStore()?.prisma;
    if (typeof client !== 'object' || client === null) throw refusalOf('tried to query outside a request');
    return extend(client);
  };
  return new Proxy(target, {
    get(own, key, receiver) {
      if (Reflect.has(own, key) && !Object.hasOwn(Object.prototype, key))
        return Reflect.get(own, key, receiver);
      if (typeof key === 'symbol' || key === 'then' || key === 'toJSON') return undefined;
      if (key === '$connect' || key === '$disconnect') return async () => {};
      if (key === '$on') return () => {};
      if (key === '$extends') return (extension: unknown) => requestClient(extended(extend, extension));
      return key.startsWith('$') ? call(current, key) : model(current, key);
    },
    has: (_, key) => typeof key === 'string',
  });
}

function call(owner: () => object, key: string): (...args: unknown[]) => unknown {
  return (...args) => {
    const target = owner();
    const method = Reflect.get(target, key) as (...args: unknown[]) => unknown;
    return Reflect.apply(method, target, args);
  };
}

function model(client: () => object, name: string): object {
  const current = () => Reflect.get(client(), name) as object;
  return new Proxy(
    {},
    {get: (_, key) => (typeof key === 'symbol' || key === 'then' ? undefined : call(current, key))},
  );
}

/** Extends each client once. */
function extended(extend: ExtendClient, extension: unknown): ExtendClient {
  const known = new WeakMap<object, object>();
  return client => {
    const own =
      known.get(client) ?? (extend(client) as {$extends(extension: unknown): object}).$extends(extension);
    known.set(client, own);
    return own;
  };
}

/**
 * Makes `new PrismaClient()` in the endpoint's code return a client that forwards to the measured one: its own would open
 * connections in native code. Subclasses keep their members.
 */
export function interceptConstructor(Client: ClientClass): ClientClass {
  return new Proxy(Client, {
    construct(target, args, newTarget) {
      if (!isEndpointCode()) return Reflect.construct(target, args, newTarget);
      return requestClient(undefined, membersOf(newTarget, target));
    },
  });
}

/** An object with the members that a subclass adds to `Base`. */
function membersOf(subclass: {prototype: object}, base: {prototype: object}): object {
  const members: object = Object.create(null);
  const prototypes: object[] = [];
  for (
    let each = subclass.prototype;
    each !== null && each !== base.prototype;
    each = Object.getPrototypeOf(each)
  )
    prototypes.unshift(each);
  for (const each of prototypes) Object.defineProperties(members, Object.getOwnPropertyDescriptors(each));
  return members;
}
