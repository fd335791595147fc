import type {GroupKey, Plan} from '../../model/plan.ts';
import type {RunStep, SlotUsage} from '../../model/run.ts';

/**
 * Whether a group that sessions were ended of has as many again as before: then its application reconnects as
 * fast as it is cut off, and going on frees nothing. Says so in one line, or null.
 */
export function detectReconnect(
  plan: Plan,
  steps: readonly RunStep[],
  before: SlotUsage | null,
  now: SlotUsage | null,
): string | null {
  if (before === null || now === null) return null;
  for (const group of plan.watch_groups) {
    if (!group.steps.some(index => steps[index]?.result?.outcome === 'verified')) continue;
    const was = countOf(before, group);
    const is = countOf(now, group);
    if (was > 0 && is >= was)
      return `${describeGroup(group)} holds ${is} sessions again, ${was} before: it reconnects at once`;
  }
  return null;
}

/** `web/app@10.0.0.7`: application, role and client. */
function describeGroup({application_name, usename, client_addr}: GroupKey): string {
  return `${application_name || '(no name)'}/${usename}@${client_addr ?? 'local'}`;
}

function countOf(reading: SlotUsage, group: GroupKey): number {
  return (
    reading.groups.find(
      ({application_name, usename, client_addr}) =>
        application_name === group.application_name &&
        usename === group.usename &&
        client_addr === group.client_addr,
    )?.count ?? 0
  );
}
