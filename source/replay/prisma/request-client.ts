import {currentRequest} from '../pool/request-trace.ts';
import {refusalOf} from '../sandbox/outbound.ts';

type Of = (client: object) => object;

/**
 * A Prisma Client for `globalThis.prisma`: each call goes to the measured client of the current request. It can be
 * extended, and its models read, before there is a request.
 */
export function requestClient(of: Of = client => client): object {
  const current = (): object => {
    const client = currentRequest.getStore()?.prisma;
    if (typeof client !== 'object' || client === null) throw refusalOf('sent a query outside of a request');
    return of(client);
  };
  return new Proxy(
    {},
    {
      get(_, key) {
        if (typeof key === 'symbol' || key === 'then' || key === 'toJSON') return undefined;
        if (key === '$connect' || key === '$disconnect') return async () => {};
        if (key === '$on') return () => {};
        if (key === '$extends') return (extension: unknown) => requestClient(extended(of, extension));
        return key.startsWith('$') ? call(current, key) : model(current, key);
      },
      has: (_, key) => typeof key === 'string',
    },
  );
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
function extended(of: Of, extension: unknown): Of {
  const known = new WeakMap<object, object>();
  return client => {
    const own =
      known.get(client) ?? (of(client) as {$extends(extension: unknown): object}).$extends(extension);
    known.set(client, own);
    return own;
  };
}
