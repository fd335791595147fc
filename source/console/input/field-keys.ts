import {markChoice, toggleChoice} from '../state/choices.ts';
import {changeWizard, completePrompt, editLine, moveBy, recallLine, showBlocker} from '../state/commands.ts';
import {edit, type LineEdit} from '../state/line-editor.ts';
import type {ConsoleState} from '../state/state.ts';
import {choose} from '../state/wizard.ts';
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

const editing = (how: LineEdit) => (state: ConsoleState) => editLine(state, line => edit(line, how));

const lineModes: Mode[] = ['prompt', 'form'];

/** Keys in a form, a prompt and the line being typed: readline's. */
export const fieldBindings: Binding[] = [
  ...inModes(formModes, [
    [['tab'], 'next parameter', state => moveBy(state, {lines: 1})],
    [['shift-tab'], 'previous parameter', state => moveBy(state, {lines: -1})],
  ]),
  {
    keys: ['left', 'right'],
    modes: ['choice'],
    update: (state, key) => changeWizard(state, wizard => choose(state, wizard, key === 'left' ? -1 : 1)),
    help: 'in a parameter with a list of values: previous or next value',
  },
  {
    keys: ['pageup', 'pagedown'],
    modes: formModes,
    update: (state, key) => moveBy(state, {pages: key === 'pageup' ? -1 : 1}),
    help: 'page up or down in a form',
  },
  ...inModes('prompt', [
    [['tab'], 'in a prompt: complete a command, view, recipe or column', completePrompt],
    [['up', 'ctrl-p'], 'in a prompt: what was entered before', state => recallLine(state, -1)],
    [['down', 'ctrl-n'], 'in a prompt: what was entered after it', state => recallLine(state, 1)],
  ]),
  ...inModes(lineModes, [
    [['left', 'ctrl-b'], 'one character left', editing('backward-char')],
    [['right', 'ctrl-f'], 'one character right', editing('forward-char')],
  ]),
  ...inModes(typingModes, [
    [['home', 'ctrl-a'], 'to its start', editing('beginning-of-line')],
    [['end', 'ctrl-e'], 'to its end', editing('end-of-line')],
    [['alt-b'], 'one word left', editing('backward-word')],
    [['alt-f'], 'one word right', editing('forward-word')],
    [['backspace'], 'delete the character before the cursor', editing('backward-delete-char')],
    [['delete', 'ctrl-d'], 'delete the character after the cursor', editing('delete-char')],
    [['ctrl-w'], 'delete back to a space', editing('unix-word-rubout')],
    [['alt-backspace'], 'delete the word before the cursor', editing('backward-kill-word')],
    [['alt-d'], 'delete the word after the cursor', editing('kill-word')],
    [['ctrl-u'], 'delete up to the cursor', editing('unix-line-discard')],
    [['ctrl-k'], 'delete from the cursor on', editing('kill-line')],
  ]),
];

/** On the pages of a recipe. */
export const wizardBindings: Binding[] = [
  ...inModes('wizard', [
    [['w'], 'during a run: show the session it waits for', showBlocker, needsBlocker],
    [
      ['o'],
      'in a preview: show or collapse the conditions (only if ...)',
      state => changeWizard(state, wizard => ({...wizard, areGuardsShown: !wizard.areGuardsShown})),
      needsLongGuard,
    ],
    [
      ['space'],
      'in a preview: exclude or include the selected session, index or table',
      state => changeWizard(state, wizard => toggleChoice(state, wizard, 'marked')),
      needsChoices,
    ],
    [
      ['a'],
      'in a preview: include all or exclude all',
      state => changeWizard(state, wizard => toggleChoice(state, wizard, 'all')),
      needsChoices,
    ],
  ]),
  {
    keys: ['tab', 'shift-tab'],
    modes: ['wizard'],
    update: (state, key) => changeWizard(state, wizard => markChoice(wizard, key === 'tab' ? 1 : -1)),
    help: 'in a preview: select the next or previous one',
    disabledBecause: needsChoices,
  },
];
