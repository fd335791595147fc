import {expect, it} from 'vitest';
import {findRoute, sameRoute} from '../../../source/core/text/route.ts';

it.each([
  ['GET /api/users/[id]', 'GET /api/users/:id'],
  ['GET /api/users/:id', 'get /api/users/{userId}/'],
  ['GET /users/:id(\\d+)', 'GET /users/$userId'],
  ['GET /users/:id?', '/users/[id]'],
  ['GET /(shop)/cart/@modal/', 'GET /cart'],
  ['GET /docs/[[...slug]]', 'GET /docs/*'],
  ['GET /docs/[...slug]', 'GET /docs/:slug*'],
  ['ALL /api/health', 'POST /api/health'],
  ['/pages/index', '/pages'],
  ['GET /a%20b?x=1', 'GET /a b'.replace(' b', '%20b')],
])('%s is %s', (a, b) => {
  expect(sameRoute(a, b)).toBe('same');
  expect(sameRoute(b, a)).toBe('same');
});

it.each([
  ['GET /api/users', 'POST /api/users'],
  ['GET /api/users/:id', 'GET /api/users/me'],
  ['GET /users', 'GET /api/users'],
  ['GET /:a/:b', 'GET /api/:a/:b'],
  ['user.list', 'GET /user.list'],
  ['action save', '/save'],
])('%s is not %s', (a, b) => {
  expect(sameRoute(a, b)).toBeNull();
});

it('a base path is allowed where only one route fits below it', () => {
  expect(findRoute('GET /shop/api/orders', ['GET /api/orders', 'GET /api/users'])).toBe('GET /api/orders');
  expect(findRoute('GET /api/orders/[id]', ['GET /shop/api/orders/:id'])).toBe('GET /shop/api/orders/:id');
  expect(findRoute('GET /api/orders', ['GET /a/api/orders', 'GET /b/api/orders'])).toBeNull();
  expect(findRoute('GET /api/orders', ['GET /b/api/orders', 'GET /api/orders'])).toBe('GET /api/orders');
  expect(findRoute('GET /x/[id]', ['GET /x/:a', 'GET /x/{b}'])).toBeNull();
});
