import type {Finding} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {counted} from '../../text/format.ts';
import {averageOf, type Context, heldSince, shareOf} from '../context.ts';
import {advice} from './failing-part.ts';

/** Deadlocks, with the applications that wait for locks meanwhile. */
export function examineDeadlocks(context: Context): Finding[] {
  const {samples} = context;
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || first === last) return [];
  const minutes = (last.at_ms - first.at_ms) / 60_000;
  return last.databases.flatMap(({datname, deadlocks}) => {
    const before = first.databases.find(each => each.datname === datname)?.deadlocks;
    const count = before === undefined ? 0 : deadlocks - before;
    if (count < thresholds.deadlocks_per_minute.warning || minutes <= 0) return [];
    const waiting = samples
      .flatMap(({pools}) => pools)
      .filter(pool => pool.datname === datname && pool.waiting_for_lock > 0);
    const names = [
      ...new Set(
        waiting.map(({application_name, usename}) => `${application_name || '(no name)'}/${usename}`),
      ),
    ];
    const objects = [...new Set(samples.flatMap(({waits}) => waits.map(({object}) => object)))].slice(0, 2);
    return [
      {
        recipe: 'deadlocks',
        severity: 'warning' as const,
        subject: `database:${datname}/deadlocks`,
        summary: `${counted(count, 'deadlock')} in database ${datname} in ${Math.round(minutes * 60)} s${names.length > 0 ? `: ${names.slice(0, 2).join(' and ')} lock in different orders` : ''}${objects.length > 0 ? ` (${objects.join(', ')})` : ''}`,
        evidence: {database: datname, deadlocks: count},
        harm: {
          kind: 'failing' as const,
          sessions: averageOf(samples, ({waits}) => waits.reduce((sum, {waiting: each}) => sum + each, 0)),
          share: shareOf(samples, ({waits}) => waits.length > 0),
          since: heldSince(samples, ({waits}) => waits.length > 0) ?? null,
        },
        cause: 'deadlocks',
        confidence: 'likely' as const,
        reasons: [
          'Each deadlock rolls back one transaction (40P01) after deadlock_timeout; the server log shows both statements.',
        ],
        acts: [
          advice(
            'lock rows in one order (ORDER BY the key before FOR UPDATE, or sort a batch), and retry 40P01',
            {
              frees: null,
              costs: 'a change of the application; ending sessions would not help',
            },
          ),
        ],
      },
    ];
  });
}
