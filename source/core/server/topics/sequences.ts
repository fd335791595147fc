import {actsOf} from '../../assessment/harms/sequence-acts.ts';
import {
  describeFull,
  describeReferring,
  sequenceState,
  sequenceSubject,
} from '../../assessment/harms/sequence-state.ts';
import {reasonsOf} from '../../assessment/harms/writes-sequences.ts';
import {thresholds} from '../../health/thresholds.ts';
import {formatRatio} from '../../text/format.ts';
import {type TopicRow, topic} from './topic.ts';

/** Sequences and identity columns of the connected database that have used more than half of their values. */
export const sequences = topic({
  name: 'sequences',
  reads: ['sequences'],
  rows({sequences: used}): TopicRow[] {
    const states = used.flatMap(use => sequenceState(use) ?? []).sort((a, b) => b.used_ratio - a.used_ratio);
    if (states.length === 0)
      return [{id: 'none', verdict: 'ok', text: 'no sequence has used half of its values', page: () => []}];
    return states.map(state => {
      const {use, full, used_ratio, limits} = state;
      const referring = describeReferring(state);
      return {
        id: sequenceSubject(use),
        verdict:
          full !== null
            ? 'critical'
            : used_ratio >= thresholds.sequence_used_ratio.warning
              ? 'warning'
              : 'ok',
        text:
          full !== null
            ? `${describeFull(state)}${referring === null ? '' : `; ${referring}`}`
            : `${limits[0]?.name} has used ${formatRatio(used_ratio)} of its values (last ${use.last_value})`,
        page: () => [{heading: `${use.schema}.${use.name}`, text: reasonsOf(state)}],
        acts: actsOf(state),
      };
    });
  },
});
