import type {ParameterValues} from '../../model/parameter.ts';
import type {Plan, Skipped} from '../../model/plan.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {SqlStep, Step} from '../../model/step.ts';
import type {Target} from '../../model/target.ts';
import {counted} from '../text/format.ts';
import {secretReason} from './step.ts';
import {withoutSecretUndo} from './step-secrets.ts';

export type ActingRecipe = Recipe & Required<Pick<Recipe, 'plan'>>;

export function canAct(recipe: Recipe): recipe is ActingRecipe {
  return recipe.plan !== undefined;
}

/**
 * Every plan there is comes from here: the recipe's, without what a standby refuses, with what cannot be undone told.
 * Throws what the recipe throws.
 */
export function planRecipe(
  recipe: ActingRecipe,
  snapshot: Snapshot,
  params: ParameterValues,
  facts: RecipeData,
): Plan {
  const plan = refuseOnStandby(recipe.plan(snapshot, params, facts), snapshot.target);
  const steps = plan.steps.map(withoutSecretUndo);
  const secret = steps.flatMap((step, at) => (step.kind !== 'advice' && step.holds_secret ? [at + 1] : []));
  if (secret.length === 0) return plan;
  const which =
    secret.length === 1 ? `Step ${secret[0]}` : `${counted(secret.length, 'step')} (${secret.join(', ')})`;
  return {...plan, steps, explanation: [...plan.explanation, `${which} cannot be undone: ${secretReason}.`]};
}

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
    skipped: [
      ...refused.map(({subject, title}) => ({subject, description: title, reason, is_forbidden: true})),
      ...plan.skipped,
    ],
    batch_size: 1,
    slots_freed: 0,
    watch_groups: [],
  };
}

const reason = 'this server is a standby (in recovery): run it on the primary';

function isWriting(step: Step): step is SqlStep {
  return step.kind === 'sql' && !readOnlyStatement.test(withoutLeadingComments(step));
}

/** What a server in recovery runs; a function that writes it refuses by itself. */
const readOnlyStatement = /^(?:select|with|values|table|call|show|set|reset|checkpoint)\b/i;

/** `ALTER ROLE`, `CREATE INDEX`, `ANALYZE`. */
function verbOf(step: SqlStep): string {
  const [, verb = '', object = ''] =
    /^(\w+)(?:\s+(?:unique\s+)?(\w+))?/i.exec(withoutLeadingComments(step)) ?? [];
  const hasObject = /^(?:create|drop|alter|comment|refresh)$/i.test(verb);
  return (hasObject ? `${verb} ${object}` : verb).toUpperCase();
}

/** Without comments in front. */
function withoutLeadingComments({apply}: SqlStep): string {
  return apply.text.replace(/^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, '');
}

/** What one reason skips. */
export type SkippedGroup = {reason: string; members: Skipped[]};

/** A reason longer than this is told once for all whom it holds for; a shorter one reads better beside each. */
const longReason = 60;

/** In their order, those of one long reason together where the first of them stands. */
export function groupSkipped(skipped: readonly Skipped[]): SkippedGroup[] {
  const groups: SkippedGroup[] = [];
  for (const member of skipped) {
    const {reason} = member;
    const group = reason.length > longReason ? groups.find(each => each.reason === reason) : undefined;
    if (group === undefined) groups.push({reason, members: [member]});
    else group.members.push(member);
  }
  return groups;
}
