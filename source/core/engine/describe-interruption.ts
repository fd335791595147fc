import type {RunState} from '../../model/run.ts';
import {counted} from '../format.ts';

/** `run 1a2b3c4d interrupted: 3 of 5 steps done; step 4 cancelled; 1 not begun`, for whoever is left without a screen. */
export function describeInterruption({run, status, steps}: RunState): string {
  const done = steps.filter(({result}) => result?.outcome === 'verified' || result?.outcome === 'applied');
  const others = steps.flatMap(({status: at, result}, index) => {
    const name = `step ${index + 1}`;
    if (at === 'acting' || at === 'verifying') return [`${name} unknown, verify it`];
    if (result?.outcome === 'unknown') return [`${name} ended, by whom is unknown`];
    if (result?.outcome !== 'failed') return [];
    const what = result.sqlstate === queryCanceled ? 'cancelled' : 'failed';
    return [`${name} ${what}${result.has_leftover ? ', and what it left behind is still there' : ''}`];
  });
  const count = (is: (step: RunState['steps'][number]) => boolean) => steps.filter(is).length;
  const skipped = count(({result}) => result?.outcome === 'skipped');
  const pending = count(({status: at}) => at === 'pending');
  return [
    `run ${run} ${status ?? 'has not ended'}: ${done.length} of ${counted(steps.length, 'step')} done`,
    ...others,
    ...(skipped > 0 ? [`${skipped} left alone`] : []),
    ...(pending > 0 ? [`${pending} not begun`] : []),
  ].join('; ');
}

const queryCanceled = '57014';
