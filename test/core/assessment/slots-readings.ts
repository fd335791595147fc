import {examineSlots} from '../../../source/core/assessment/harms/slots.ts';
import {samplesOf} from '../../../source/core/assessment/samples.ts';
import type {Finding} from '../../../source/model/recipe.ts';
import type {Backend, Snapshot} from '../../../source/model/snapshot.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

/** Numbers the sessions; the server has ten slots more than `free`. */
export function reading(groups: [number, Partial<Backend>][], {free = 1, second = 0} = {}): Snapshot {
  const backends = groups.flatMap(([count, each], group) =>
    Array.from({length: count}, (_, index) => createBackend({pid: 100 * (group + 1) + index, ...each})),
  );
  const at = `2026-01-01T00:01:${String(second).padStart(2, '0')}.000000Z`;
  return {...createSnapshot({backends, max_connections: backends.length + 3 + free}), at};
}

export function examine(...readings: Snapshot[]): Finding[] {
  const snapshot = readings.at(-1) as Snapshot;
  return examineSlots({snapshot, samples: samplesOf(readings), facts: {}});
}

export const leaked: Partial<Backend> = {
  application_name: 'import',
  usename: 'import_app',
  state: 'idle in transaction',
  state_age_ms: 46_000,
  backend_xid: '77',
};

export const working: Partial<Backend> = {
  application_name: 'web',
  usename: 'web_app',
  state: 'active',
  state_age_ms: 5,
};
