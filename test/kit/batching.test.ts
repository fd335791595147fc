import {describe, expect, expectTypeOf, test} from 'vitest';
import {countBy, existsMany, findByIds, inBatches} from '../../source/kit/kit.ts';

const rows = [
  {id: 3, name: 'c'},
  {id: 1, name: 'a'},
];

/** Finds rows as `WHERE id IN (...)` does, and notes each query's IDs. */
function table<Row extends {id: unknown}>(content: readonly Row[]) {
  const queries: unknown[][] = [];
  return {
    queries,
    find: async (ids: unknown[]) => {
      queries.push(ids);
      return content.filter(({id}) => ids.map(String).includes(String(id)));
    },
  };
}

describe('findByIds', () => {
  test('keeps the order and duplicates, and says null for what does not exist', async () => {
    const {find, queries} = table(rows);
    const found = await findByIds([1, 2, 3, 1], find);
    expect(found.map(row => row?.name ?? null)).toEqual(['a', null, 'c', 'a']);
    expect(queries).toEqual([[1, 2, 3]]);
  });

  test('sends no query for no ID', async () => {
    const {find, queries} = table(rows);
    expect([await findByIds([], find), queries]).toEqual([[], []]);
  });

  test('sends at most 30,000 IDs per query, one query after another', async () => {
    const {find, queries} = table([{id: 70_000}]);
    let running = 0;
    const found = await findByIds(
      Array.from({length: 70_001}, (_, index) => index),
      async ids => {
        expect(++running).toBe(1);
        const result = await find(ids);
        running--;
        return result;
      },
    );
    expect(queries.map(({length}) => length)).toEqual([30_000, 30_000, 10_001]);
    expect(found.at(-1)).toEqual({id: 70_000});
  });

  test.each<[string, (number | bigint | string)[], {id: unknown}[]]>([
    ['a bigint that pg returns as text', [9007199254740993n], [{id: '9007199254740993'}]],
    [
      'a UUID in capitals',
      ['6F9619FF-8B86-D011-B42D-00CF4FC964FF'],
      [{id: '6f9619ff-8b86-d011-b42d-00cf4fc964ff'}],
    ],
  ])('finds %s', async (_, ids, content) => {
    expect(await findByIds(ids, async () => content as {id: string}[])).toEqual(content);
  });

  test('distinguishes texts that differ in case', async () => {
    expect(await findByIds(['A'], async () => [{id: 'a'}])).toEqual([null]);
  });

  test('finds by another field', async () => {
    const find = async () => [{code: 'x', size: 1}];
    expect(await findByIds(['x'], find, {by: 'code'})).toEqual([{code: 'x', size: 1}]);
    expect(await findByIds(['x'], find, {by: row => row.code})).toEqual([{code: 'x', size: 1}]);
    // @ts-expect-error rows without an `id` need `by`
    await findByIds(['x'], find);
  });

  test('refuses a chunk of nothing', async () => {
    await expect(findByIds([1], async () => rows, {chunkSize: 0})).rejects.toThrow(RangeError);
  });
});

test('existsMany says which exist, as they were given', async () => {
  const found = await existsMany([1n, 2n, 3n, 1n], async () => [{id: '1'}, {id: '3'}]);
  expect([...found]).toEqual([1n, 3n]);
});

describe('countBy', () => {
  const by = 'level';
  test('counts each key, and 0 where there is none', async () => {
    const counts = await countBy(['word', 'letter', 'story'], async () => [{level: 'letter', _count: 4}], {
      by,
    });
    expect([...counts]).toEqual([
      ['word', 0],
      ['letter', 4],
      ['story', 0],
    ]);
  });

  test.each<[string, {level: string; _count: number | bigint | Record<string, number>}, number]>([
    ['_count: true', {level: 'a', _count: 2}, 2],
    ['_all', {level: 'a', _count: {_all: 3}}, 3],
    ['one field', {level: 'a', _count: {id: 4}}, 4],
    ["a raw query's bigint", {level: 'a', _count: 5n}, 5],
  ])('reads %s', async (_, row, count) => {
    expect((await countBy(['a'], async () => [row], {by})).get('a')).toBe(count);
  });

  test('refuses two figures, of which it cannot know one', async () => {
    const group = async () => [{level: 'a', _count: {id: 4, name: 3}}];
    await expect(countBy(['a'], group, {by})).rejects.toThrow(/must hold one figure/);
  });
});

describe('inBatches', () => {
  test('runs at most n at the same time, and returns results in order', async () => {
    let running = 0;
    let most = 0;
    const tasks = Array.from({length: 10}, (_, index) => async () => {
      most = Math.max(most, ++running);
      // Later tasks end first.
      for (let turn = 10 - index; turn > 0; turn--) await null;
      running--;
      return index;
    });
    expect(await inBatches(tasks, 3)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(most).toBe(3);
  });

  test('begins none after an error, and waits for those that run', async () => {
    const ended: string[] = [];
    const task = (name: string, turns: number, error?: Error) => async () => {
      for (; turns > 0; turns--) await null;
      ended.push(name);
      if (error) throw error;
    };
    const tasks = [task('slow', 20), task('failing', 1, new Error('first')), task('never', 0)];
    await expect(inBatches(tasks, 2)).rejects.toThrow('first');
    expect(ended).toEqual(['failing', 'slow']);
  });

  test('rejects with what a task throws, even undefined', async () => {
    const outcome = inBatches([() => Promise.reject(undefined)], 1);
    await expect(outcome).rejects.toBeUndefined();
  });

  test.each([0, -1, 1.5, Number.NaN])('refuses %d at the same time', async n => {
    await expect(inBatches([], n)).rejects.toThrow(RangeError);
  });

  test('types each result', async () => {
    const results = await inBatches([async () => 1, async () => 'a'], 2);
    expectTypeOf(results).toEqualTypeOf<[number, string]>();
    const list = await inBatches(
      [1, 2].map(each => async () => each),
      2,
    );
    expectTypeOf(list).toEqualTypeOf<number[]>();
  });
});
