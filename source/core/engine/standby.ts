import type {Plan} from '../../model/plan.ts';
import type {SqlStep, Step} from '../../model/step.ts';
import type {Target} from '../../model/target.ts';

/**
 * The plan as this server can carry it out: a standby refuses everything that writes (25006), so that a plan with such
 * a step would only fail. It is then not planned at all, in part neither, and says where to run it. Sessions are ended
 * on a standby as elsewhere.
 */
export function refuseOnStandby(plan: Plan, {is_in_recovery}: Pick<Target, 'is_in_recovery'>): Plan {
  const refused = is_in_recovery ? plan.steps.filter(isWriting) : [];
  if (refused.length === 0) return plan;
  const verbs = [...new Set(refused.map(verbOf))].join(', ');
  return {
    ...plan,
    explanation: [
      `This server is a standby (in recovery) and refuses ${verbs}: run it on the primary.`,
      ...plan.explanation,
    ],
    steps: [],
    left_alone: [
      ...refused.map(({subject, title}) => ({subject, description: title, reason, is_forbidden: true})),
      ...plan.left_alone,
    ],
    batch_size: 1,
    slots_freed: 0,
    watch_groups: [],
  };
}

const reason = 'this server is a standby (in recovery): run it on the primary';

function isWriting(step: Step): step is SqlStep {
  return step.kind === 'sql' && !reading.test(bare(step));
}

/** What a server in recovery runs; a function that writes it refuses by itself. */
const reading = /^(?:select|with|values|table|call|show|set|reset|checkpoint)\b/i;

/** `ALTER ROLE`, `CREATE INDEX`, `ANALYZE`. */
function verbOf(step: SqlStep): string {
  const [, verb = '', object = ''] = /^(\w+)(?:\s+(?:unique\s+)?(\w+))?/i.exec(bare(step)) ?? [];
  const hasObject = /^(?:create|drop|alter|comment|refresh)$/i.test(verb);
  return (hasObject ? `${verb} ${object}` : verb).toUpperCase();
}

/** Without comments in front. */
function bare({apply}: SqlStep): string {
  return apply.text.replace(/^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, '');
}
