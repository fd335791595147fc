import {describe, expect, it} from 'vitest';
import {type HistorySample, historyLength, pushSample} from '../../../source/core/reading/history.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';

const at = (seconds: number) =>
  createSnapshot({at: new Date(1_700_000_000_000 + seconds * 1000).toISOString()});

describe('pushSample', () => {
  it('keeps one sample of each reading, the newest last, and forgets the oldest', () => {
    let history: HistorySample[] = [];
    for (let second = 0; second < historyLength + 5; second++) history = pushSample(history, at(second));
    expect(history).toHaveLength(historyLength);
    expect(history[0]?.at_ms).toBe(1_700_000_005_000);
    expect(history.at(-1)?.at_ms).toBe(1_700_000_000_000 + (historyLength + 4) * 1000);
  });

  it('replaces the sample of the same moment', () => {
    expect(pushSample(pushSample([], at(1)), at(1))).toHaveLength(1);
  });

  it('starts anew when the clock was set back', () => {
    expect(pushSample(pushSample([], at(5)), at(1))).toHaveLength(1);
  });

  it('adds up the databases, and knows what it does not know', () => {
    const rates = {
      interval_ms: 1000,
      commits_per_second: 10,
      rollbacks_per_second: 1,
      deadlocks_per_second: 0,
      temp_bytes_per_second: 0,
      blks_hit_per_second: 90,
      blks_read_per_second: 10,
    };
    const [database] = createSnapshot().databases;
    if (database === undefined) throw new Error('the helper has no database');
    const {rates: _, ...unrated} = database;
    const snapshot = createSnapshot({
      databases: [
        {...unrated, rates},
        {...unrated, datname: 'b', rates},
      ],
    });
    expect(pushSample([], snapshot)[0]).toMatchObject({commits_per_second: 20, cache_hit_ratio: 0.9});
    expect(pushSample([], createSnapshot({databases: [unrated]}))[0]).toMatchObject({
      commits_per_second: null,
      cache_hit_ratio: null,
    });
  });
});
