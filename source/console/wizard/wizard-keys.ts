import {
  blockerOf,
  canBeCancelled,
  canBeExecuted,
  canBeUnfolded,
  isChoosing,
  type RecipeWizard,
  recipeOf,
  type WizardStage,
} from '../state/run.ts';
import type {ConsoleState} from '../state/state.ts';

/** The keys of the wizard's current page, with what they do. */
export function wizardKeys(state: ConsoleState, wizard: RecipeWizard): [key: string, label: string][] {
  const {stage} = wizard;
  const recipe = recipeOf(state, wizard);
  const hasPlan = recipe?.plan !== undefined;
  const forward: Record<WizardStage, string> = {
    evidence: hasPlan ? 'next' : 'close',
    parameters: 'preview',
    preview: recipe?.isBenchmark ? 'measure' : canBeExecuted(wizard.plan) ? 'next' : 'close',
    confirm: 'run it',
    running: '',
    done: 'close',
  };
  const back: Record<WizardStage, string> = {
    evidence: 'close',
    parameters: 'back',
    preview: wizard.undoes === null ? 'back' : 'close',
    confirm: 'back',
    running: wizard.stopping === null ? stopWords(wizard) : '',
    done: 'close',
  };
  const blocker = blockerOf(wizard);
  const keys: [string, string][] = [
    ['Enter', forward[stage]],
    [wizard.asksToStop ? 'Esc again' : 'Esc', back[stage]],
    ['o', canBeUnfolded(wizard) ? (wizard.isUnfolded ? 'fold guards' : 'show guards') : ''],
    ['← →', isChoosing(state, wizard) ? 'choose' : ''],
    ['w', blocker === null ? '' : `session ${blocker.pid}`],
  ];
  return keys.filter(([, label]) => label !== '');
}

export function stopWords(wizard: RecipeWizard): string {
  return canBeCancelled(wizard) ? 'cancel this step' : 'stop after this step';
}
