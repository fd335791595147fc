import type {ParameterValues, Plan, Recipe, Skipped} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {SqlStep, Step} from '../../model/step.ts';
import type {Target} from '../../model/target.ts';
import {withoutLeadingComments} from '../sql/leading-comments.ts';
import {counted} from '../text/format.ts';
import {secretReason, withoutSecretUndo} from './step.ts';

export type ActingRecipe = Recipe & Required<Pick<Recipe, 'plan'>>;

export function canAct(recipe: Recipe): recipe is ActingRecipe {
  return recipe.plan !== undefined;
}

/**
 * The recipe's plan, emptied if it would write on a standby. Its explanation says last how the steps are undone, or that they
 * cannot be, as the steps themselves have it. Every plan is made here. Throws what the recipe throws.
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
  const which =
    secret.length === 1 ? `Step ${secret[0]}` : `${counted(secret.length, 'step')} (${secret.join(', ')})`;
  return {
    ...plan,
    steps,
    explanation: [
      ...plan.explanation,
      ...(secret.length === 0 ? [] : [`${which} cannot be undone: ${secretReason}.`]),
      ...explainUndo(steps),
    ],
  };
}

/** Nothing for advice, and for what has nothing to undo. */
function explainUndo(steps: readonly Step[]): string[] {
  const changing = steps.filter(
    step => step.kind === 'file' || (step.kind === 'sql' && step.undo !== 'unneeded'),
  );
  const lost = changing.filter(isIrreversible).length;
  if (changing.length === 0) return [];
  if (lost === 0) return ["It can be undone: 'poolctl undo' with the id of the run, or u in the Journal."];
  return lost === changing.length
    ? ['This cannot be undone.']
    : [`Steps that say so cannot be undone; 'poolctl undo' reverses the others.`];
}

function isIrreversible(step: Step): boolean {
  return step.kind === 'file'
    ? step.holds_secret === true
    : step.kind === 'sql' && step.undo === 'irreversible';
}

/**
 * A standby refuses every statement that writes (25006). A plan with such a step is emptied as a whole and says to run it
 * on the primary. Sessions can be ended on a standby.
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
  return step.kind === 'sql' && !readOnlyStatement.test(withoutLeadingComments(step.apply.text));
}

/** Statements that a server in recovery accepts; functions that write fail on their own. */
const readOnlyStatement = /^(?:select|with|values|table|call|show|set|reset|checkpoint)\b/i;

/** `ALTER ROLE`, `CREATE INDEX`, `ANALYZE`. */
function verbOf({apply}: SqlStep): string {
  const [, verb = '', object = ''] =
    /^(\w+)(?:\s+(?:unique\s+)?(\w+))?/i.exec(withoutLeadingComments(apply.text)) ?? [];
  const hasObject = /^(?:create|drop|alter|comment|refresh)$/i.test(verb);
  return (hasObject ? `${verb} ${object}` : verb).toUpperCase();
}

/** Subjects skipped for the same reason. */
export type SkippedGroup = {reason: string; members: Skipped[]};

/** A reason longer than this is shown once for all its subjects, a shorter one beside each. */
const longReason = 60;

/** Groups subjects with the same long reason at the place of the first; keeps the order otherwise. */
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
