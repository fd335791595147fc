import {answeredBy} from '../../core/assessment/recovery.ts';
import {choicesOf, withoutChoices} from '../../core/engine/only.ts';
import {hasFolded} from '../../core/engine/step-preview.ts';
import type {Finding, Plan} from '../../model/recipe.ts';
import {choicesOfPlan, type Known, type RecipeWizard} from './run.ts';

/** A finding that names one of what the recipe found opens it with that one chosen. */
export function leftOutByFinding({findings}: Known, wizard: RecipeWizard, whole: Plan): string[] {
  const opened = findings.find(isOpenedFrom(wizard));
  if (opened === undefined) return [];
  const named = new Set([opened.subject, ...(opened.explains ?? [])]);
  const choices = choicesOf(whole);
  const left = choices.filter(subject => !named.has(subject));
  return choices.length - left.length === 1 ? left : [];
}

function isOpenedFrom({finding: id}: RecipeWizard): (finding: Finding) => boolean {
  return ({recipe, subject}) => `${recipe}/${subject}` === id;
}

/** The plan made again without these. */
export function leaveOut(known: Known, wizard: RecipeWizard, subjects: readonly string[]): RecipeWizard {
  const {whole} = wizard;
  if (whole === null) return wizard;
  const choices = choicesOf(whole);
  const leftOut = subjects.filter(subject => choices.includes(subject));
  const plan = withoutChoices(whole, leftOut);
  const answers = answeredBy(plan, known.findings, isOpenedFrom(wizard));
  return {...wizard, leftOut, plan, answers, hasFolded: hasFolded(plan.steps)};
}

/** Marks the next or previous of what can be left out of the plan. */
export function markChoice(wizard: RecipeWizard, by: 1 | -1): RecipeWizard {
  const {length} = choicesOfPlan(wizard);
  return length === 0 ? wizard : {...wizard, marked: ((wizard.marked ?? 0) + by + length) % length};
}

/** Leaves the marked one out, or takes it again; of all: takes all, or leaves them out if none is. */
export function toggleChoice(known: Known, wizard: RecipeWizard, which: 'marked' | 'all'): RecipeWizard {
  const choices = choicesOfPlan(wizard);
  const {leftOut} = wizard;
  const left = leftOut ?? [];
  if (which === 'all') return leaveOut(known, wizard, left.length > 0 ? [] : choices);
  const marked = wizard.marked ?? 0;
  const subject = choices[marked];
  if (subject === undefined) return wizard;
  const next = left.includes(subject) ? left.filter(each => each !== subject) : [...left, subject];
  return leaveOut(known, {...wizard, marked}, next);
}
