import type {Parameter} from '../model/parameter.ts';
import {parameterBlocks} from './components/guide-parameters.ts';
import {mostScroll, pageArea} from './components/overlay-lines.ts';
import {inSight} from './components/page.ts';
import {choicesOf, editedParameter, recipeOf, showGuide, valuesOf, withGuide} from './guide-state.ts';
import type {ConsoleState, Guide} from './state.ts';
import {only, type Updated} from './updated.ts';

/** What is typed goes to the parameter edited, or to the word of confirmation. */
export function edit(state: ConsoleState, guide: Guide, change: (text: string) => string): Updated {
  if (guide.stage === 'confirm') return showGuide(state, {...guide, typed: change(guide.typed), error: null});
  const parameter = editedParameter(state, guide);
  return parameter === null ? only(state) : set(state, guide, parameter, change);
}

/** A paste is text for a parameter; the word of confirmation has to be typed. */
export function pasteInto(state: ConsoleState, guide: Guide, text: string): Updated {
  if (guide.stage === 'parameters') return edit(state, guide, before => before + text);
  const notice =
    guide.stage === 'confirm' ? 'A paste confirms nothing: type the word' : 'Pasted text is ignored here';
  return only({...state, notice: {text: notice, severity: 'info'}});
}

/** Left and right walk through the choices, or through what the snapshot suggests. */
export function choose(state: ConsoleState, guide: Guide, by: 1 | -1): Updated {
  const parameter = editedParameter(state, guide);
  const choices = choicesOf(state, guide);
  if (parameter === null || choices.length === 0) return only(state);
  return set(state, guide, parameter, value => {
    const at = choices.indexOf(value);
    const next = at === -1 ? (by === 1 ? 0 : -1) : (at + by) % choices.length;
    return choices.at(next) ?? value;
  });
}

/** To the next field or the one before, which comes into sight. */
export function moveField(state: ConsoleState, guide: Guide, by: number): Updated {
  const count = recipeOf(state, guide)?.parameters.length ?? 0;
  const field = count === 0 ? 0 : (guide.field + by + count) % count;
  return only(showField(state, {...guide, field}));
}

/** Every field has the height it is drawn with: the one edited has its description below it. */
function showField(state: ConsoleState, guide: Guide): ConsoleState {
  const shown = withGuide(state, guide);
  const {width, height} = pageArea(shown, guide);
  const blocks = parameterBlocks(shown, guide, width);
  const scroll = Math.min(inSight(guide.scroll, blocks, guide.field, height), mostScroll(shown));
  return withGuide(state, {...guide, scroll});
}

/** What was being read for a plan was read for other values. */
function set(
  state: ConsoleState,
  guide: Guide,
  {name}: Parameter,
  change: (text: string) => string,
): Updated {
  const gathering = guide.gathering?.isForPlan ? null : guide.gathering;
  const params = {...guide.params, [name]: change(valuesOf(guide)[name] ?? '')};
  return only(showField(state, {...guide, params, gathering, error: null}));
}
