import {needsChoices, needsLongGuard, needsWaitedFor} from './availability.ts';
import type {Binding} from './keymap.ts';

/** The keys that are a guide's own. */
export const guideBindings: Binding[] = [
  {keys: ['tab'], modes: ['form'], command: {kind: 'move', by: 1}, label: '', help: 'next parameter'},
  {
    keys: ['shift-tab'],
    modes: ['form'],
    command: {kind: 'move', by: -1},
    label: '',
    help: 'parameter before',
  },
  {
    keys: ['right'],
    modes: ['form'],
    command: {kind: 'choose', by: 1},
    label: '',
    help: 'next choice of this parameter',
    disabledBecause: needsChoices,
  },
  {
    keys: ['left'],
    modes: ['form'],
    command: {kind: 'choose', by: -1},
    label: '',
    help: 'choice before',
    disabledBecause: needsChoices,
  },
  {
    keys: ['w'],
    modes: ['guide'],
    command: {kind: 'open-waited-for'},
    label: '',
    help: 'in a run: the session that it waits for',
    disabledBecause: needsWaitedFor,
  },
  {
    keys: ['o'],
    modes: ['guide'],
    command: {kind: 'unfold'},
    label: '',
    help: 'in a preview: the guards whole, or folded',
    disabledBecause: needsLongGuard,
  },
];
