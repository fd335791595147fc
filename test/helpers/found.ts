import type {Found} from '../../source/core/health/health.ts';
import type {Finding} from '../../source/model/recipe.ts';

/** An assessment of one reading with these findings. */
export function createFound(findings: readonly Finding[] = []): Found {
  return {
    findings,
    also: [],
    writable: {ok: null, reasons: []},
    contention: [],
    unavailable: [],
    assessed: {window_ms: 0, readings: 1, looked_at: [], cannot_see: []},
  };
}
