import {describe, expect, it} from 'vitest';
import {canonicalJson} from '../../../source/core/text/json.ts';

describe('canonicalJson', () => {
  it('sorts keys, drops undefined members and refuses what JSON cannot represent', () => {
    expect(canonicalJson({b: [1, {d: null, c: 'é\n'}], a: undefined, A: true})).toBe(
      '{"A":true,"b":[1,{"c":"é\\n","d":null}]}',
    );
    expect(() => canonicalJson({a: Number.NaN})).toThrow();
    expect(() => canonicalJson({a: 1n})).toThrow();
  });
});
