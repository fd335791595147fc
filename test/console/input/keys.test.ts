import {describe, expect, it} from 'vitest';
import {commandOf, keyGroups, meaningOf} from '../../../source/console/input/key-meaning.ts';
import {bindings} from '../../../source/console/input/keymap.ts';
import type {RecipeWizard} from '../../../source/console/state/run.ts';
import {createState} from '../../../source/console/state/state.ts';
import {newWizard} from '../../../source/console/state/wizard.ts';
import {views} from '../../../source/console/views/index.ts';
import {press} from '../played.ts';

const state = createState({
  columns: 80,
  rows: 24,
  address: 'db',
  isProduction: false,
  interval_ms: 2000,
  recipes: [],
  views,
});

describe('keymap', () => {
  it('gives no key two meanings in one mode', () => {
    const seen = new Set<string>();
    for (const {keys, modes} of bindings) {
      for (const key of keys) {
        for (const mode of modes) {
          expect(seen).not.toContain(`${mode} ${key}`);
          seen.add(`${mode} ${key}`);
        }
      }
    }
  });

  it('explains every key in the list that help and README are made from', () => {
    for (const view of [null, ...views.map(({id}) => id)])
      expect(keyGroups(view).flatMap(({rows}) => rows)).toHaveLength(bindings.length);
    for (const {keys, help} of keyGroups(null).flatMap(({rows}) => rows)) {
      expect(keys).not.toBe('');
      expect(help).not.toBe('');
    }
  });

  it('says why a key is not available instead of ignoring it', () => {
    expect(commandOf('K', state)).toEqual({
      blocked: 'K: works in Sessions (2) and Locks (4), and on a group here',
    });
    expect(commandOf('enter', state)).toEqual({blocked: 'Enter: there is no row'});
    expect(commandOf('a', state)).toEqual({blocked: 'a: no such finding'});
  });

  it.each([
    ['2', {kind: 'show-view', view: 'sessions'}],
    ['tab', {kind: 'cycle-view', by: 1}],
    ['ctrl-c', {kind: 'quit'}],
    ['q', {kind: 'quit'}],
    ['?', {kind: 'help'}],
  ])('%s while browsing', (key, command) => {
    expect(commandOf(key, state)).toEqual({command});
  });

  it('takes command keys as text while a filter is typed, and still quits on Ctrl-C', () => {
    const typing = press(state, '2', '/');
    expect(commandOf('q', typing)).toEqual({command: {kind: 'type', text: 'q'}});
    expect(commandOf('2', typing)).toEqual({command: {kind: 'type', text: '2'}});
    expect(commandOf('space', typing)).toEqual({command: {kind: 'type', text: ' '}});
    expect(commandOf('ctrl-c', typing)).toEqual({command: {kind: 'quit'}});
    expect(commandOf('up', typing)).toEqual({command: {kind: 'recall', by: -1}});
    expect(commandOf('pageup', typing)).toBeNull();
  });
});

describe('a screen too small to show what a key does', () => {
  const aWizard: RecipeWizard = {...newWizard, recipe: 'kill-idle-sessions'};
  const small = {...state, columns: 39, rows: 30};
  const confirming = {
    ...state,
    columns: 30,
    rows: 6,
    wizard: {...aWizard, stage: 'confirm' as const},
  };
  const running = {
    ...confirming,
    wizard: {...aWizard, stage: 'running' as const},
  };
  const key = (name: string) => ({kind: 'key', name}) as const;

  it.each(['2', 'K', 'enter', 'space', ':', 'j', 'a'])('takes no %s', name => {
    expect(meaningOf(key(name), small)).toBeNull();
  });

  it('accepts no word, Enter or paste as a confirmation, and can be left', () => {
    for (const name of ['y', 'e', 's', 'enter', 'backspace', 'pagedown'])
      expect(meaningOf(key(name), confirming)).toBeNull();
    expect(meaningOf({kind: 'paste', text: 'yes'}, confirming)).toBeNull();
    expect(meaningOf(key('escape'), confirming)).toEqual({command: {kind: 'back'}});
  });

  it('does not stop a run with Esc, where the confirmation could not be shown', () => {
    expect(meaningOf(key('escape'), running)).toBeNull();
    expect(meaningOf(key('ctrl-c'), running)).toEqual({command: {kind: 'quit'}});
  });

  it.each(['ctrl-c', 'q'])('is left with %s', name => {
    expect(meaningOf(key(name), small)).toEqual({command: {kind: 'quit'}});
  });
});
