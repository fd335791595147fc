/**
 * What only a key press needs: recipe wizards, pages on top of a view, and reading keys. One chunk,
 * loaded right after the first frame (`load-interaction.ts`), with the part of the engine that plans and undoes.
 */
export {describeInterruption} from '../core/engine/run-state.ts';
export {mostScroll, overlayLines} from './components/overlay-lines.ts';
export {replayKeys} from './components/replay-page.ts';
export {inputOptionsOf, readInput} from './input/read-input.ts';
export {enterCommandLine} from './state/command-line.ts';
export {openSessionWizard, openUndo, openWizard} from './state/open-wizard.ts';
export {handleRecipeData} from './state/plan-wizard.ts';
export {handleReplayCommand, handleReplayEvent} from './state/replay.ts';
export {handleWizardCommand, updateRun} from './state/wizard-keys.ts';
export {drawWizard, wizardKeys} from './wizard/pages.ts';
