import {describe, expect, it} from 'vitest';
import type {Planner} from '../../../source/core/indexes/candidates.ts';
import {chooseIndexes} from '../../../source/core/indexes/choose.ts';
import {btree, type Candidate, key, toCandidate} from '../../../source/core/indexes/index-spec.ts';
import {table, tables, workStatement} from './reading.ts';

describe('chooseIndexes', () => {
  const [orders = table('orders', 1)] = tables.filter(({name}) => name === 'orders');

  /** Chooses by each statement's cost with an index on these columns: `{'': 1000, 'a b': 10}`. */
  async function choose(costs: Record<string, number>[]): Promise<string[]> {
    const columnsOf = ({spec}: Candidate) => spec.keys.map(({expression}) => expression).join(' ');
    const works = costs.map((each, index) => ({
      statement: workStatement(String(index), 'SELECT FROM orders', 1e6),
      candidates: Object.keys(each)
        .filter(names => names !== '')
        .map(names =>
          toCandidate(orders, btree(names.split(' ').map(name => key(name))), names.split(' ').length),
        ),
    }));
    const planner: Planner = {
      costSource: 'none',
      async plan({queryid}, candidates) {
        const own = costs[Number(queryid)] ?? {};
        const costOf = (candidate: Candidate | undefined) =>
          candidate === undefined ? own[''] : own[columnsOf(candidate)];
        const known = candidates.filter(each => costOf(each) !== undefined);
        const [best] = known.sort((a, b) => (costOf(a) ?? 0) - (costOf(b) ?? 0));
        const isRead = best !== undefined && (costOf(best) ?? 0) < (own[''] ?? 0);
        return {
          cost: (isRead ? costOf(best) : own['']) ?? 0,
          used: new Set(isRead && best ? [best.id] : []),
        };
      },
      sizeOf: () => 8192,
    };
    return (await chooseIndexes(works, planner, () => ({ms: 0, writes: 0, hot_updates: 0}))).chosen
      .map(columnsOf)
      .sort();
  }

  it('chooses no index that saves less than a tenth', async () => {
    expect(await choose([{'': 1000, a: 950}])).toEqual([]);
    expect(await choose([{'': 1000, a: 850}])).toEqual(['a']);
  });

  it('chooses the narrowest index that costs at most a twentieth more', async () => {
    expect(await choose([{'': 1000, 'a b': 100, a: 104}])).toEqual(['a']);
    expect(await choose([{'': 1000, 'a b': 100, a: 110}])).toEqual(['a b']);
    expect(await choose([{'': 1000, 'a b c': 100, 'a b': 102, a: 103}])).toEqual(['a']);
    expect(await choose([{'': 1000, 'a b c': 100, 'a b': 102, a: 120}])).toEqual(['a b']);
  });

  it('chooses no index beside a wider one that begins with its columns', async () => {
    expect(
      await choose([
        {'': 1000, a: 10, 'a b': 300},
        {'': 1000, 'a b': 10},
      ]),
    ).toEqual(['a b']);
    expect(
      await choose([
        {'': 1000, b: 10, 'a b': 300},
        {'': 1000, 'a c': 10},
      ]),
    ).toEqual(['a c', 'b']);
  });

  it('weighs each index against its siblings, until a second run would add none', async () => {
    // A wider index half-serves the second statement: far better than a scan, far worse than its own.
    expect(
      await choose([
        {'': 10_000, 'a b c': 5},
        {'': 10_000, 'a b c': 180, 'a c': 20},
      ]),
    ).toEqual(['a b c', 'a c']);
  });

  it('chooses no index that no statement needs', async () => {
    expect(
      await choose([
        {'': 1000, b: 500, 'a c': 510},
        {'': 1000, 'a c': 10},
      ]),
    ).toEqual(['a c']);
  });
});
