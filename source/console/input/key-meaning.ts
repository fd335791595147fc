import {isTooSmall, type ViewId} from '../state/browsing.ts';
import {changeWizard, editLine, paste, wizardOnTop} from '../state/commands.ts';
import {inform} from '../state/dialog.ts';
import {insert} from '../state/line-editor.ts';
import {whyNotInPast} from '../state/past.ts';
import {type ConsoleState, noEffects, type UpdateResult} from '../state/state.ts';
import {viewOf} from '../views/index.ts';
import type {InputEvent} from './decoder.ts';
import {bindings} from './keymap.ts';
import {type Binding, type Mode, modeOf, typingModes} from './modes.ts';

/** The binding's label in the footer; '' where it has none. */
export function labelOf({label}: Binding, state: ConsoleState): string {
  return typeof label === 'function' ? label(state) : (label ?? '');
}

/** Why a key does nothing now; null where it works. */
export function whyDisabled(binding: Binding, state: ConsoleState, key: string): string | null {
  if (state.past !== null && binding.needsServer?.(state)) return whyNotInPast(state.past);
  return binding.disabledBecause?.(state, key) ?? null;
}

/** Does what was typed or pasted does; a key that does nothing now says why. */
export function takeInput(state: ConsoleState, input: InputEvent): UpdateResult {
  const isUnseen = isTooSmall(state);
  const before = withoutAsking(state.notice === null ? state : {...state, notice: null}, input);
  if (input.kind === 'paste') return isUnseen ? noEffects(state) : paste(before, input.text);
  const key = input.name;
  const mode = modeOf(state);
  const text = key === 'space' ? ' ' : key;
  if (typingModes.includes(mode) && [...text].length === 1)
    return isUnseen ? noEffects(state) : editLine(before, line => insert(line, text));
  const binding = bindings.find(({keys, modes}) => keys.includes(key) && modes.includes(mode));
  if (binding === undefined || (isUnseen && !binding.worksUnseen?.(state))) return noEffects(state);
  const reason = whyDisabled(binding, state, key);
  if (reason === null) return binding.update(before, key);
  return noEffects(isUnseen ? state : inform(state, `${keyName(key)}: ${reason}`));
}

/** During a run only a second Esc in a row stops it. */
function withoutAsking(state: ConsoleState, input: InputEvent): ConsoleState {
  const isBack = input.kind === 'key' && input.name === 'escape';
  return isBack || !wizardOnTop(state)?.asksToStop
    ? state
    : changeWizard(state, wizard => ({...wizard, asksToStop: false})).state;
}

const names: Record<string, string> = {
  space: 'Space',
  enter: 'Enter',
  escape: 'Esc',
  tab: 'Tab',
  'shift-tab': 'Shift-Tab',
  backspace: 'Backspace',
  up: '↑',
  down: '↓',
  left: '←',
  right: '→',
  pageup: 'PgUp',
  pagedown: 'PgDn',
  home: 'Home',
  end: 'End',
  delete: 'Del',
};

/** The display name of a key: `pagedown` is `PgDn`, `ctrl-l` is `Ctrl-L`. */
export function keyName(key: string): string {
  const [, modifier, plain = key] = /^(ctrl|alt)-(.+)$/.exec(key) ?? [];
  if (modifier === undefined) return names[key] ?? key;
  return `${modifier === 'ctrl' ? 'Ctrl' : 'Alt'}-${names[plain] ?? plain.toUpperCase()}`;
}

export type KeyRow = {keys: string; help: string};

/** Keys that work in the same place. */
export type KeyGroup = {title: string; rows: KeyRow[]};

/** All keys by where they work, each row once; those of `here` first. For README, without a view, those of all views together. */
export function keyGroups(here: ViewId | null): KeyGroup[] {
  const own = (binding: Binding) => here !== null && binding.views?.includes(here);
  const groups: {title: string; holds(binding: Binding): unknown; names?: true}[] = [
    {title: `keys of ${viewOf(here ?? 'overview').title}`, holds: own},
    {title: 'keys of every view', holds: ({modes, views}) => modes.includes('browse') && views === undefined},
    {
      title: here === null ? 'keys of some views' : 'keys of other views',
      holds: binding => binding.modes.includes('browse') && !own(binding) && binding.views,
      names: true,
    },
    {title: 'on a page and in a recipe', holds: ({modes}) => !modes.includes('browse') && !isOfFields(modes)},
    {title: 'in a field', holds: ({modes}) => isOfFields(modes)},
  ];
  return groups.flatMap(({title, holds, names}) => {
    const rows = bindings.filter(holds).map(({keys, help, views = []}) => ({
      keys: keys.map(keyName).join(' '),
      help: names ? `${views.map(id => viewOf(id).title).join(', ')}: ${help}` : help,
    }));
    return rows.length === 0 ? [] : [{title, rows}];
  });
}

/** A prompt is a field; a wizard has keys of its own. */
function isOfFields(modes: readonly Mode[]): boolean {
  return modes.includes('prompt') && !modes.includes('browse') && !modes.includes('wizard');
}
