import {describe, expect, it} from 'vitest';
import {medianOf, recommend} from '../../../source/replay/measure/results.ts';
import {resultOf} from '../report/results.ts';

describe('the knee', () => {
  const sweep = (rates: number[], p95 = (_: number) => 10) =>
    rates.map((requests_per_second, index) =>
      resultOf({connection_limit: index + 1, requests_per_second, p95_ms: p95(index)}),
    );

  it('is the lowest limit beyond which more connections gain almost nothing', () => {
    expect(recommend(sweep([100, 200, 300, 390, 395, 398, 400]))?.connection_limit).toBe(4);
  });

  it('is not a limit whose p95 more connections would improve', () => {
    const slow = sweep([390, 395, 400], index => [50, 12, 11][index] ?? 0);
    expect(recommend(slow)?.connection_limit).toBe(2);
  });

  it('is the peak if more connections reduce the throughput', () => {
    expect(recommend(sweep([100, 400, 300, 200, 100]))?.connection_limit).toBe(2);
  });

  it('is marked if it is the highest measured limit', () => {
    expect(recommend(sweep([100, 200, 300]))).toMatchObject({
      connection_limit: 3,
      reason: expect.stringMatching(/sweep further/),
    });
  });

  it('is a limit without errors if there is one', () => {
    const results = [
      resultOf({connection_limit: 1, requests_per_second: 300, pool_timeout: 5}),
      resultOf({connection_limit: 2, requests_per_second: 290}),
      resultOf({connection_limit: 3, requests_per_second: 291}),
    ];
    expect(recommend(results)?.connection_limit).toBe(2);
  });

  it('is determined at the highest concurrency of the last variant, without simulated results', () => {
    const results = [
      ...sweep([900, 901, 902]),
      ...[1, 2, 3].map(limit =>
        resultOf({
          variant: 'after',
          connection_limit: limit,
          requests_per_second: limit * 10,
          concurrency: 100,
        }),
      ),
      resultOf({
        variant: 'after',
        connection_limit: 9,
        requests_per_second: 9999,
        concurrency: 100,
        is_simulated: true,
      }),
    ];
    expect(recommend(results)).toMatchObject({variant: 'after', connection_limit: 3, concurrency: 100});
  });

  it('is unknown for fewer than three limits', () => {
    expect(recommend(sweep([1, 2]))).toBeNull();
    expect(recommend([])).toBeNull();
  });
});

it('the result of a case is the median of its rounds', () => {
  const round = (rate: number) => [
    resultOf({connection_limit: 1, requests_per_second: rate}),
    resultOf({connection_limit: 2, requests_per_second: 100 - rate}),
  ];
  const rates = medianOf([round(30), round(1), round(20)]).map(each => each.requests_per_second);
  expect(rates).toEqual([20, 80]);
});
