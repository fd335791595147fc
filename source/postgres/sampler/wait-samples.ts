import type {WaitSamples} from '../../model/wait-samples.ts';
import {pickVariant} from '../queries/query.ts';
import {type WaitSamplesRow, waitSamplesQuery} from '../queries/wait-samples.ts';
import type {RunQuery} from './sections.ts';

export type WaitSamplesReader = {
  read(): Promise<void>;
  /** Of the last read; without samples where it was not due. */
  samples(): WaitSamples;
};

/** The collector of pg_wait_sampling takes no samples while it answers: it is asked a fiftieth of the time at most. */
const leastPause = 50;

/** Reads what pg_wait_sampling has seen since the last read. `schema` is the extension's. */
export function createWaitSamplesReader(
  run: RunQuery,
  {schema, now}: {schema: string; now: () => number},
): WaitSamplesReader {
  let until: string | null = null;
  let due_ms = Number.NEGATIVE_INFINITY;
  let last: WaitSamples = {every_ms: 0, samples: 0, has_cpu: true, seen: []};
  return {
    async read() {
      if (now() < due_ms) {
        last = {...last, samples: 0, seen: []};
        return;
      }
      const query = pickVariant(waitSamplesQuery, 0, schema);
      const [row] = await run<WaitSamplesRow>(query, [until]);
      if (row === undefined) return;
      const [newest, samples, every_ms, has_cpu, seen, took_ms] = row;
      until = newest;
      due_ms = now() + took_ms * leastPause;
      last = {
        ...{every_ms, samples, has_cpu},
        seen: seen.map(([pid, wait_event_type, wait_event, query_id, count]) => ({
          ...{pid, wait_event_type, wait_event, query_id, count},
        })),
      };
    },
    samples: () => last,
  };
}
