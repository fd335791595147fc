import type {Finding} from '../../../model/recipe.ts';
import type {UncoveredForeignKey} from '../../../model/server-facts.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {subjectOf} from '../../sessions/protection.ts';
import {isActive} from '../../sessions/session.ts';
import type {Context, Examine} from '../context.ts';
import {lockGraph} from '../lock-graph.ts';
import {describeKey, indexAct, keyScannedBy, sentenceOf} from './waiting-foreign-key.ts';

/**
 * A DELETE, or an UPDATE of a key, that is slow because each row scans a table for its foreign key, and that blocks no session; where others wait
 * for it, `waiting.ts` says so.
 */
export const examineForeignKeys: Examine = context => {
  const {snapshot, facts} = context;
  if ((facts.foreign_keys ?? []).length === 0) return [];
  const slow = snapshot.backends.filter(isSlow);
  if (slow.length === 0) return [];
  const {waiters} = lockGraph(snapshot);
  const byKey = new Map<UncoveredForeignKey, Backend[]>();
  for (const backend of slow) {
    const key = waiters.has(backend.pid) ? undefined : keyScannedBy(backend, context);
    if (key !== undefined) byKey.set(key, [...(byKey.get(key) ?? []), backend]);
  }
  return [...byKey].map(([key, backends]) => toFinding(key, backends, context));
};

function isSlow(backend: Backend): boolean {
  return (
    isActive(backend) &&
    backend.wait_event_type !== 'Lock' &&
    (backend.query_age_ms ?? 0) >= thresholds.standard_statement_ms.warning
  );
}

function toFinding(key: UncoveredForeignKey, backends: Backend[], {samples}: Context): Finding {
  const [longest] = backends.toSorted((a, b) => (b.query_age_ms ?? 0) - (a.query_age_ms ?? 0));
  if (longest === undefined) throw new RangeError('no session');
  const description = describeKey(key, longest);
  const act = indexAct(key);
  const began_ms = (samples.at(-1)?.at_ms ?? 0) - (longest.query_age_ms ?? 0);
  return {
    recipe: 'apply-indexes',
    severity: 'warning',
    ...description,
    summary: sentenceOf(key, longest),
    explains: [...description.explains, ...backends.map(({pid}) => subjectOf(pid))],
    params: act.params,
    harm: {
      kind: 'slow',
      sessions: backends.length,
      share: 1,
      since: samples.length === 0 ? null : new Date(began_ms).toISOString(),
    },
    acts: [act],
  };
}
