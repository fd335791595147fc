import {describe, expect, test, vi} from 'vitest';
import {type CacheKey, type CacheOptions, createCache} from '../../source/kit/kit.ts';

/** What a pool looks like to the cache. */
const pool = {totalCount: 1, connect: () => {}};
const key: CacheKey = {tenant: 7, key: 'schools', models: ['School']};

/** A cache, and a load that returns 1, 2, 3, ... */
function counting(options?: CacheOptions) {
  let now_ms = 1;
  const cache = createCache(options, () => now_ms);
  let loads = 0;
  const load = vi.fn(async () => ++loads);
  return {
    cache,
    load,
    get: (of: CacheKey = key) => cache.get(pool, of, load),
    pass(ms: number) {
      now_ms += ms;
    },
  };
}

test('a value is loaded once in five minutes', async () => {
  const {get, cache, pass} = counting();
  expect([await get(), await get()]).toEqual([1, 1]);
  pass(5 * 60_000 - 1);
  expect(await get()).toBe(1);
  expect(cache.getStats()).toMatchObject({hits: 2, misses: 1, entries: 1, hitRate: 2 / 3});
});

test('concurrent calls share one load', async () => {
  const {get, cache} = counting();
  expect(await Promise.all([get(), get(), get()])).toEqual([1, 1, 1]);
  expect(cache.getStats()).toMatchObject({misses: 1, joined: 2, hitRate: 2 / 3});
});

test('a stale value is returned at once and loaded again once', async () => {
  const {get, cache, load, pass} = counting();
  await get();
  pass(5 * 60_000 + 1);
  expect(await Promise.all([get(), get()])).toEqual([1, 1]);
  await vi.waitFor(async () => expect(await get()).toBe(2));
  expect(load).toHaveBeenCalledTimes(2);
  expect(cache.getStats()).toMatchObject({misses: 1, hitRate: expect.closeTo(0.75)});
});

test.each<[string, CacheOptions, number]>([
  ['30 s past its five minutes', {}, 5 * 60_000 + 30_001],
  ['past its time where none is returned stale', {staleMs: 0}, 5 * 60_000 + 1],
  ['past times of its own', {ttlMs: 100, staleMs: 50}, 151],
])('a value is not returned %s', async (_, options, after_ms) => {
  const {get, pass} = counting(options);
  await get();
  pass(after_ms);
  expect(await get()).toBe(2);
});

test('a load that takes longer than its times is shared, and no value past them returned meanwhile', async () => {
  const {get, load, pass} = counting({ttlMs: 100, staleMs: 50});
  let answer: (value: number) => void = () => {};
  const slow = () =>
    new Promise<number>(resolve => {
      answer = resolve;
    });
  load.mockImplementationOnce(slow);
  const first = get();
  pass(1000);
  const second = get();
  answer(7);
  expect([await first, await second, load.mock.calls.length]).toEqual([7, 7, 1]);
  pass(101);
  load.mockImplementationOnce(slow);
  const third = get();
  pass(50);
  const fourth = get();
  answer(8);
  expect([await third, await fourth, load.mock.calls.length]).toEqual([7, 8, 2]);
});

test.each<[CacheOptions]>([
  [{ttlMs: 0}],
  [{ttlMs: Number.NaN}],
  [{ttlMs: 1.5}],
  [{staleMs: -1}],
  [{staleMs: Number.NaN}],
  [{maxBytes: 0}],
  [{maxEntries: 0}],
])('refuses %j, with which a value would stay for ever or not at all', options => {
  expect(() => createCache(options)).toThrow(RangeError);
});

test('a stale value remains while the server cannot be reached', async () => {
  const {get, load, cache, pass} = counting();
  await get();
  pass(5 * 60_000 + 1);
  load.mockRejectedValueOnce(new Error('ECONNREFUSED'));
  expect(await get()).toBe(1);
  await vi.waitFor(() => expect(cache.getStats().failures).toBe(1));
  load.mockRejectedValueOnce(new Error('ECONNREFUSED'));
  expect(await get()).toBe(1);
  await vi.waitFor(() => expect(cache.getStats().failures).toBe(2));
  pass(30_000);
  load.mockRejectedValueOnce(new Error('ECONNREFUSED'));
  await expect(get()).rejects.toThrow('ECONNREFUSED');
});

test('an error reaches all who wait for it and is not kept', async () => {
  const {get, load, cache} = counting();
  load.mockRejectedValueOnce(new Error('deadlock detected'));
  const both = await Promise.allSettled([get(), get()]);
  expect(both.map(each => String(each.status === 'rejected' && each.reason.message))).toEqual([
    'deadlock detected',
    'deadlock detected',
  ]);
  expect(await get()).toBe(1);
  expect(cache.getStats()).toMatchObject({failures: 1, misses: 2, joined: 1});
});

test('a load that throws before its promise is an error like any other', async () => {
  const {cache, get} = counting();
  const broken = () => {
    throw new TypeError('no such model');
  };
  await expect(cache.get(pool, key, broken)).rejects.toThrow('no such model');
  expect(await get()).toBe(1);
});

test.each([[null], [undefined], [0], ['']])('keeps %j', async value => {
  const cache = createCache();
  const load = vi.fn(async () => value);
  expect([await cache.get(pool, key, load), await cache.get(pool, key, load)]).toEqual([value, value]);
  expect(load).toHaveBeenCalledTimes(1);
});

describe('invalidation', () => {
  const keys: Record<string, CacheKey> = {
    'schools of 7': key,
    'students of 7': {tenant: 7, key: 'students', models: ['Student', 'School']},
    'schools of 8': {tenant: '8', key: 'schools', models: ['School']},
    'levels of all': {shared: true, key: 'levels', models: ['Level']},
    'schools of all': {shared: true, key: 'schools'},
  };
  test.each<[string, Parameters<ReturnType<typeof createCache>['invalidate']>[0], string[]]>([
    ['a model', {model: 'School'}, ['schools of 7', 'students of 7', 'schools of 8']],
    ['another', {model: 'Level'}, ['levels of all']],
    ['one that nothing was read from', {model: 'User'}, []],
    ['a prefix of a tenant', {tenant: 7, prefix: 's'}, ['schools of 7', 'students of 7']],
    ['a whole key', {tenant: '7', prefix: 'schools'}, ['schools of 7']],
    ['all of a tenant', {tenant: 7, prefix: ''}, ['schools of 7', 'students of 7']],
    ['a prefix of what all share', {shared: true, prefix: 'sch'}, ['schools of all']],
  ])('of %s', async (_, what, expected) => {
    const {get, cache} = counting();
    const before = await Promise.all(Object.values(keys).map(each => get(each)));
    cache.invalidate(what);
    const after = await Promise.all(Object.values(keys).map(each => get(each)));
    expect(Object.keys(keys).filter((_name, index) => before[index] !== after[index])).toEqual(expected);
  });

  test.each<[string, Parameters<ReturnType<typeof createCache>['invalidate']>[0]]>([
    ['model', {model: 'School'}],
    ['prefix', {tenant: 7, prefix: 'sch'}],
  ])('by %s while a value loads: its callers get it, and it is not kept', async (_, what) => {
    const {get, cache} = counting();
    const first = get();
    cache.invalidate(what);
    const second = get();
    expect([await first, await second, await get()]).toEqual([1, 2, 2]);
  });

  test('by prefix while the second load of a key is under way and its first has ended', async () => {
    const cache = createCache();
    const answers: ((value: number) => void)[] = [];
    const get = () => cache.get(pool, key, () => new Promise<number>(resolve => void answers.push(resolve)));
    const first = get();
    cache.invalidate({tenant: 7, prefix: 'sch'});
    const second = get();
    answers[0]?.(1);
    expect(await first).toBe(1);
    cache.invalidate({tenant: 7, prefix: 'sch'});
    answers[1]?.(2);
    expect(await second).toBe(2);
    const third = get();
    answers[2]?.(3);
    expect(await third).toBe(3);
  });

  test('of everything', async () => {
    const {get, cache} = counting();
    await get();
    cache.clear();
    expect([cache.getStats().entries, await get()]).toEqual([0, 2]);
  });
});

test('tenants do not see each other, whatever their keys', async () => {
  const {get} = counting();
  const keys: CacheKey[] = [
    {tenant: 'a', key: 'b'},
    {tenant: 'a","b', key: ''},
    {tenant: 'a', key: 'b",0'},
    {shared: true, key: 'b'},
    {tenant: 'null', key: 'b'},
  ];
  const values = await Promise.all(keys.map(each => get(each)));
  expect(new Set(values).size).toBe(keys.length);
});

test.each([
  [{key: 'a'}],
  [{key: 'a', tenant: undefined}],
  [{key: 'a', tenant: null}],
  [{key: 'a', tenant: ''}],
  [{key: 'a', tenant: Number.NaN}],
])('refuses %j, which would be shared by mistake', async incomplete => {
  const {get} = counting();
  await expect(get(incomplete as unknown as CacheKey)).rejects.toThrow(
    /names its tenant, or says shared: true/,
  );
});

test('the least recently used values go first', async () => {
  const {get, cache} = counting({maxEntries: 2});
  await get({tenant: 1, key: 'a'});
  await get({tenant: 1, key: 'b'});
  await get({tenant: 1, key: 'a'});
  await get({tenant: 1, key: 'c'});
  expect(cache.getStats().entries).toBe(2);
  expect([await get({tenant: 1, key: 'a'}), await get({tenant: 1, key: 'b'})]).toEqual([1, 4]);
});

test('stays within its bytes, and does not keep what is larger than a tenth of them', async () => {
  const cache = createCache({maxBytes: 100_000});
  const rows = (length: number) => async () => [{text: 'x'.repeat(length)}];
  for (let index = 0; index < 50; index++) await cache.get(pool, {tenant: 1, key: `${index}`}, rows(5000));
  const {entries, bytes} = cache.getStats();
  expect(bytes).toBeLessThanOrEqual(100_000);
  expect(entries).toBeGreaterThan(15);
  await cache.get(pool, {tenant: 1, key: 'large'}, rows(20_000));
  expect(cache.getStats()).toMatchObject({entries, bytes});
});

test('what requests share cannot be changed by one of them', async () => {
  const cache = createCache();
  const rows = await cache.get(pool, key, async () => [{name: 'a', at: new Date(0), tags: ['y', 'x']}]);
  expect(() => rows.push(...rows)).toThrow(TypeError);
  expect(() => Object.assign(rows[0] ?? {}, {name: 'b'})).toThrow(TypeError);
  expect(() => rows[0]?.tags.sort()).toThrow(TypeError);
});

test('what an instance of a class refers to is not frozen, because others may share it', async () => {
  const parsers = {text: {}};
  class Result {
    rows = [{name: 'a'}];
    types = parsers;
  }
  await createCache().get(pool, key, async () => [new Result()]);
  expect([Object.isFrozen(parsers), Object.isFrozen(parsers.text)]).toEqual([false, false]);
});

test('a value that contains itself is kept', async () => {
  const cache = createCache();
  const node: {self?: object} = {};
  node.self = node;
  expect(await cache.get(pool, key, async () => node)).toBe(node);
});

test('the hit rate is unknown before the first call', () => {
  expect(createCache().getStats()).toMatchObject({entries: 0, bytes: 0, hitRate: null});
});
