import {scrollOverlay} from '../state/dialog.ts';
import {isCleaningUp, type RecipeWizard} from '../state/run.ts';
import type {ConsoleState} from '../state/state.ts';
import {parameterBlocks} from '../wizard/parameters-page.ts';
import {runBlocks} from '../wizard/run-page.ts';
import {mostScroll, pageArea} from './overlay-lines.ts';
import {inSight} from './page.ts';

/** Where the page on top is scrolled to. */

/** Scrolls the page on top; by 0 to where its end is if it has become shorter. */
export function scrollTop(state: ConsoleState, by: number): ConsoleState {
  const {overlay, replay, wizard} = state;
  const most = mostScroll(state);
  const to = (scroll: number) => Math.max(0, Math.min(most, scroll + by));
  if (overlay !== null) return scrollOverlay(state, by, most);
  if (replay !== null) return {...state, replay: {...replay, scroll: to(replay.scroll)}};
  return wizard === null ? state : {...state, wizard: {...wizard, scroll: to(wizard.scroll)}};
}

/** Scrolls to the field being edited, whose description is below it. */
export function showField(state: ConsoleState): ConsoleState {
  const {wizard} = state;
  if (wizard?.stage !== 'parameters') return state;
  const {width, height} = pageArea(state, wizard);
  const blocks = parameterBlocks(state, wizard, width);
  const scroll = Math.min(inSight(wizard.scroll, blocks, wizard.field, height), mostScroll(state));
  return {...state, wizard: {...wizard, scroll}};
}

/** Scrolls to the current step, or to the end of the run, where that is another than before. */
export function showStep(state: ConsoleState, before: RecipeWizard): ConsoleState {
  const {wizard} = state;
  const run = wizard?.run;
  if (!wizard || !run || (before.run?.current === run.current && before.stage === wizard.stage)) return state;
  const {width, height, theme} = pageArea(state, before);
  const blocks = runBlocks(run, width, theme, isCleaningUp(before));
  // The blocks are the head, one per step, and the end.
  const index = run.phase === 'ended' ? blocks.length - 1 : run.current === null ? 0 : run.current + 1;
  return {...state, wizard: {...wizard, scroll: inSight(wizard.scroll, blocks, index, height)}};
}
