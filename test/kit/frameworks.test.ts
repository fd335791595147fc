import {expect, test} from 'vitest';
import {expressTags, fastifyTags, honoTags, nextTags, prismaTags, trpcTags} from '../../source/kit/kit.ts';

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What a handler's statements carry, some time after it has started. */
async function handler() {
  await new Promise(setImmediate);
  return prismaTags();
}

test('Express and NestJS: the route is the one that has matched when the statement is sent', async () => {
  const request = {method: 'GET', headers: {traceparent}, baseUrl: '', route: undefined as unknown};
  const early: unknown[] = [];
  const tags = await new Promise(resolve => {
    expressTags(request as Parameters<typeof expressTags>[0], {}, () => {
      early.push(prismaTags());
      Object.assign(request, {baseUrl: '/users', route: {path: '/:id'}});
      resolve(handler());
    });
  });
  expect(early).toEqual([{action: 'GET', traceparent}]);
  expect(tags).toEqual({action: 'GET', route: '/users/:id', traceparent});
});

test('Fastify', async () => {
  const request = {method: 'PUT', routeOptions: {url: '/users/:id'}, headers: {}};
  const tags = await new Promise(resolve => fastifyTags(request, {}, () => resolve(handler())));
  expect(tags).toEqual({action: 'PUT', route: '/users/:id'});
});

test('Hono', async () => {
  const req = {method: 'GET', routePath: '*', header: (name: string) => `${name} of a stranger`};
  const tags = await honoTags({req}, () => {
    req.routePath = '/users/:id';
    return handler();
  });
  expect(tags).toEqual({action: 'GET', route: '/users/:id'});
});

test('tRPC', async () => {
  const tags = await trpcTags({path: 'users.byId', type: 'query', next: handler});
  expect(tags).toEqual({action: 'query', route: 'users.byId'});
});

test('Next.js: a route handler, and a server action, whose arguments are the user’s', async () => {
  const GET = nextTags('/api/users/[id]', (_request: Request) => handler());
  const request = new Request('http://localhost/api/users/42', {headers: {traceparent}});
  expect(await GET(request)).toEqual({action: 'GET', route: '/api/users/[id]', traceparent});
  const rename = nextTags('rename-user', (_form: {method: string}) => handler());
  expect(await rename({method: 'ann@example.org'})).toEqual({route: 'rename-user'});
});
