import type {Contention} from '../../model/assessment.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {statementName} from '../sql/statement-name.ts';
import {rootsOf} from './lock-graph.ts';
import {lockedObject} from './locked-object.ts';

/** Who waits for what now; the object that most sessions wait for first. */
export function contentionOf(snapshot: Snapshot): Contention[] {
  if (snapshot.lock_waits.length === 0) return [];
  const roots = rootsOf(snapshot);
  const sessions = new Map(snapshot.backends.map(backend => [backend.pid, backend]));
  const objects = new Map<string, {pids: number[]; statements: Map<string, number>}>();
  for (const wait of snapshot.lock_waits) {
    const backend = sessions.get(wait.pid);
    const object = lockedObject(wait, backend);
    const own = objects.get(object) ?? {pids: [], statements: new Map<string, number>()};
    const statement = statementName(backend?.query ?? null);
    own.pids.push(wait.pid);
    own.statements.set(statement, (own.statements.get(statement) ?? 0) + 1);
    objects.set(object, own);
  }
  return [...objects]
    .map(([object, {pids, statements}]) => ({
      object,
      waiting: pids.length,
      holders: [...new Set(pids.flatMap(pid => roots.get(pid) ?? []))].sort((a, b) => a - b),
      statement: [...statements].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '',
    }))
    .sort((a, b) => b.waiting - a.waiting);
}
