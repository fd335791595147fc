import type {ReplayResult} from '../../model/replay-report.ts';
import {type BenchmarkMatrix, type BenchmarkOptions, casesOf} from '../measure/benchmark.ts';
import {randomFrom} from '../measure/load.ts';
import type {MeasureOptions} from '../measure/measure.ts';
import {calibrate, simulateFleet} from './fleet.ts';

/** Continues each variant's measured results to `instances` of the application; see `simulateFleet`. */
export async function simulateAll(
  matrix: BenchmarkMatrix,
  results: readonly ReplayResult[],
  options: BenchmarkOptions & {instances: number},
): Promise<{results: ReplayResult[]; notes: string[]}> {
  const {guard, signal, instances, pool_timeout_ms} = options;
  const all: {results: ReplayResult[]; notes: string[]} = {results: [], notes: []};
  const random = randomFrom(matrix.seed);
  const {onCase, onProgress, onResult, ...rest} = options;
  const own: MeasureOptions = {...rest, random, countSessions: guard.count};
  const slots = await guard.slots();
  for (const variant of matrix.variants) {
    const measured = results.filter(each => each.variant === variant.name && each.requests > 0);
    const benchmark = casesOf({...matrix, variants: [variant]})[0];
    if (signal.aborted || measured.length === 0 || benchmark === undefined) continue;
    const calibration = await calibrate(benchmark, own);
    if (calibration === null) continue;
    const fleet = simulateFleet({calibration, measured, instances, slots, pool_timeout_ms, random});
    all.results.push(...fleet.results);
    all.notes.push(...fleet.notes);
  }
  return all;
}
