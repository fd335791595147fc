import {
  type Binding,
  formModes,
  inModes,
  type Mode,
  needsBlocker,
  needsChoices,
  needsLongGuard,
  typingModes,
} from './modes.ts';

const lineModes: Mode[] = ['prompt', 'form'];

/** Keys in a form, a prompt and the line being typed: readline's. */
export const fieldBindings: Binding[] = [
  ...inModes(formModes, [
    [['tab'], {kind: 'move', by: 1}, 'next parameter'],
    [['shift-tab'], {kind: 'move', by: -1}, 'previous parameter'],
  ]),
  {
    keys: ['left', 'right'],
    modes: ['choice'],
    command: key => ({kind: 'choose', by: key === 'left' ? -1 : 1}),
    help: 'in a parameter with a list of values: previous or next value',
  },
  {
    keys: ['pageup', 'pagedown'],
    modes: formModes,
    command: key => ({kind: 'page', by: key === 'pageup' ? -1 : 1}),
    help: 'page up or down in a form',
  },
  ...inModes('prompt', [
    [['tab'], {kind: 'complete'}, 'in a prompt: complete a command, view, recipe or column'],
    [['up', 'ctrl-p'], {kind: 'recall', by: -1}, 'in a prompt: what was entered before'],
    [['down', 'ctrl-n'], {kind: 'recall', by: 1}, 'in a prompt: what was entered after it'],
  ]),
  ...inModes(lineModes, [
    [['left', 'ctrl-b'], {kind: 'edit', how: 'backward-char'}, 'one character left'],
    [['right', 'ctrl-f'], {kind: 'edit', how: 'forward-char'}, 'one character right'],
  ]),
  ...inModes(typingModes, [
    [['home', 'ctrl-a'], {kind: 'edit', how: 'beginning-of-line'}, 'to its start'],
    [['end', 'ctrl-e'], {kind: 'edit', how: 'end-of-line'}, 'to its end'],
    [['alt-b'], {kind: 'edit', how: 'backward-word'}, 'one word left'],
    [['alt-f'], {kind: 'edit', how: 'forward-word'}, 'one word right'],
    [['backspace'], {kind: 'edit', how: 'backward-delete-char'}, 'delete the character before the cursor'],
    [['delete', 'ctrl-d'], {kind: 'edit', how: 'delete-char'}, 'delete the character after the cursor'],
    [['ctrl-w'], {kind: 'edit', how: 'unix-word-rubout'}, 'delete back to a space'],
    [['alt-backspace'], {kind: 'edit', how: 'backward-kill-word'}, 'delete the word before the cursor'],
    [['alt-d'], {kind: 'edit', how: 'kill-word'}, 'delete the word after the cursor'],
    [['ctrl-u'], {kind: 'edit', how: 'unix-line-discard'}, 'delete up to the cursor'],
    [['ctrl-k'], {kind: 'edit', how: 'kill-line'}, 'delete from the cursor on'],
  ]),
];

/** On the pages of a recipe. */
export const wizardBindings: Binding[] = [
  ...inModes('wizard', [
    [['w'], {kind: 'open-blocker'}, 'during a run: show the session it waits for', needsBlocker],
    [['o'], {kind: 'toggle-guards'}, 'in a preview: show the guards in full, or fold them', needsLongGuard],
    [
      ['space'],
      {kind: 'toggle-choice', which: 'marked'},
      'in a preview: leave the marked session, index or table out, or take it again',
      needsChoices,
    ],
    [['a'], {kind: 'toggle-choice', which: 'all'}, 'in a preview: take all, or leave all out', needsChoices],
  ]),
  {
    keys: ['tab', 'shift-tab'],
    modes: ['wizard'],
    command: key => ({kind: 'mark-choice', by: key === 'tab' ? 1 : -1}),
    help: 'in a preview: mark the next or previous one',
    disabledBecause: needsChoices,
  },
];
