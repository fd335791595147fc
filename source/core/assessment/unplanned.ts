import type {Backend} from '../../model/snapshot.ts';
import {isActive} from '../sessions/session.ts';
import {withoutLeadingComments} from '../sql/leading-comments.ts';

const planned = /^(?:select|insert|update|delete|merge|with)\b/i;
const recent_ms = 10_000;

/**
 * Its last statement failed in parse analysis, which is before it gets a query id (parse_analyze_varparams in analyze.c). Only
 * known if other sessions have one: compute_query_id is on then.
 */
export function isUnplanned({query, query_id, query_age_ms, state}: Backend): boolean {
  if (query_id !== null || isActive({state}) || (query_age_ms ?? Infinity) > recent_ms) return false;
  return planned.test(withoutLeadingComments(query ?? ''));
}
