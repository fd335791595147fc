import {isTooSmall, type ViewId} from '../state/browsing.ts';
import {whyNotInPast} from '../state/past.ts';
import type {ConsoleState} from '../state/state.ts';
import type {Command} from '../state/update.ts';
import {viewOf} from '../views/index.ts';
import type {InputEvent} from './decoder.ts';
import {bindings} from './keymap.ts';
import {type Binding, type Mode, modeOf, typingModes} from './modes.ts';

/** The binding's label in the footer; '' where it has none. */
export function labelOf({label}: Binding, state: ConsoleState): string {
  return typeof label === 'function' ? label(state) : (label ?? '');
}

const serverCommands: Command['kind'][] = [
  'end-sessions',
  'explain',
  'open-recipe',
  'open-finding',
  'undo-run',
];

/** Whether the key asks the server for something, or leads to a change there: not while the past is shown. */
export function needsServer({command}: Binding, {view}: ConsoleState, key: string): boolean {
  const {kind} = typeof command === 'function' ? command(key) : command;
  return serverCommands.includes(kind) || (kind === 'open' && ['overview', 'recipes'].includes(view));
}

/** Why a key does nothing now; null where it works. */
export function whyDisabled(binding: Binding, state: ConsoleState, key: string): string | null {
  if (state.past !== null && needsServer(binding, state, key)) return whyNotInPast(state.past);
  return binding.disabledBecause?.(state, key) ?? null;
}

type Meaning = {command: Command} | {blocked: string} | null;

/** The command for what was typed or pasted; `blocked` is why there is none. */
export function meaningOf(event: InputEvent, state: ConsoleState): Meaning {
  const meaning =
    event.kind === 'paste'
      ? {command: {kind: 'paste', text: event.text} as const}
      : commandOf(event.name, state);
  if (meaning === null || !isTooSmall(state)) return meaning;
  return 'command' in meaning && isAllowedUnseen(meaning.command, state) ? meaning : null;
}

/** The command for a key on a terminal of sufficient size; `blocked` is why there is none. */
export function commandOf(key: string, state: ConsoleState): Meaning {
  const mode = modeOf(state);
  const text = key === 'space' ? ' ' : key;
  if (typingModes.includes(mode) && [...text].length === 1) return {command: {kind: 'type', text}};
  const binding = bindings.find(({keys, modes}) => keys.includes(key) && modes.includes(mode));
  if (!binding) return null;
  const reason = whyDisabled(binding, state, key);
  if (reason !== null) return {blocked: `${keyName(key)}: ${reason}`};
  return {command: typeof binding.command === 'function' ? binding.command(key) : binding.command};
}

/** On a terminal too small to draw on, only going back, quitting, suspending and redrawing work; a run continues. */
function isAllowedUnseen({kind}: Command, state: ConsoleState): boolean {
  if (kind === 'back') return !isRunning(state);
  return kind === 'quit' || kind === 'suspend' || kind === 'redraw';
}

function isRunning({overlay, replay, wizard}: ConsoleState): boolean {
  return overlay === null && (replay !== null || wizard?.stage === 'running');
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
