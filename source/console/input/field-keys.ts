import type {LineEdit} from '../state/line-editor.ts';
import type {Command} from '../state/update.ts';
import {type Binding, formModes, type Mode, typingModes} from './modes.ts';

/** Keys that edit a line of text. */
function editing(modes: Mode[], rows: [keys: string[], how: LineEdit, help: string][]): Binding[] {
  return rows.map(([keys, how, help]) => ({keys, modes, command: {kind: 'edit', how}, label: '', help}));
}

/** The keys of text fields: the prompts, a wizard's parameters, the confirmation. */
export const fieldBindings: Binding[] = [
  ...(
    [
      ['tab', {kind: 'move', by: 1}, 'next parameter'],
      ['shift-tab', {kind: 'move', by: -1}, 'previous parameter'],
    ] satisfies [string, Command, string][]
  ).map(([key, command, help]): Binding => ({keys: [key], modes: formModes, command, label: '', help})),
  {
    keys: ['left', 'right'],
    modes: ['choice'],
    command: key => ({kind: 'choose', by: key === 'left' ? -1 : 1}),
    label: '',
    help: 'in a parameter with a list of values: previous or next value',
  },
  {
    keys: ['pageup', 'pagedown'],
    modes: formModes,
    command: key => ({kind: 'page', by: key === 'pageup' ? -1 : 1}),
    label: '',
    help: 'page up or down in a form',
  },
  ...(
    [
      [['up', 'ctrl-p'], -1, 'in a prompt: what was entered before'],
      [['down', 'ctrl-n'], 1, 'in a prompt: what was entered after it'],
    ] satisfies [string[], 1 | -1, string][]
  ).map(
    ([keys, by, help]): Binding => ({
      keys,
      modes: ['prompt'],
      command: {kind: 'recall', by},
      label: '',
      help,
    }),
  ),
  ...editing(
    ['prompt', 'form'],
    [
      [['left', 'ctrl-b'], 'backward-char', 'in a field: one character left'],
      [['right', 'ctrl-f'], 'forward-char', 'in a field: one character right'],
    ],
  ),
  ...editing(typingModes, [
    [['home', 'ctrl-a'], 'beginning-of-line', 'in a field: to its start'],
    [['end', 'ctrl-e'], 'end-of-line', 'in a field: to its end'],
    [['alt-b'], 'backward-word', 'in a field: one word left'],
    [['alt-f'], 'forward-word', 'in a field: one word right'],
    [['backspace'], 'backward-delete-char', 'delete the character before the cursor'],
    [['delete', 'ctrl-d'], 'delete-char', 'delete the character after the cursor'],
    [['ctrl-w'], 'unix-word-rubout', 'delete back to a space'],
    [['alt-backspace'], 'backward-kill-word', 'delete the word before the cursor'],
    [['alt-d'], 'kill-word', 'delete the word after the cursor'],
    [['ctrl-u'], 'unix-line-discard', 'delete up to the cursor'],
    [['ctrl-k'], 'kill-line', 'delete from the cursor on'],
  ]),
];
