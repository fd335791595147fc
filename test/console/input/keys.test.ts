import {describe, expect, it} from 'vitest';
import {keyGroups} from '../../../source/console/input/key-meaning.ts';
import {bindings} from '../../../source/console/input/keymap.ts';
import type {RecipeWizard} from '../../../source/console/state/run.ts';
import {createState} from '../../../source/console/state/state.ts';
import {newWizard} from '../../../source/console/state/wizard.ts';
import {views} from '../../../source/console/views/index.ts';
import {key, play, press} from '../played.ts';

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
    expect(press(state, 'K').notice?.text).toBe(
      'K: works in Sessions (2) and Locks (4), and on a group here',
    );
    expect(press(state, 'enter').notice?.text).toBe('Enter: there is no row');
    expect(press(state, 'a').notice?.text).toBe('a: no such finding');
  });

  it.each([
    ['2', {state: {view: 'sessions'}}],
    ['tab', {state: {view: 'sessions'}}],
    ['shift-tab', {state: {view: 'server'}}],
    ['ctrl-c', {effects: [{kind: 'quit'}]}],
    ['q', {effects: [{kind: 'quit'}]}],
    ['?', {state: {overlay: {kind: 'help'}}}],
  ])('%s while browsing', (name, result) => {
    expect(play(state, key(name))).toMatchObject(result);
  });

  it('takes the keys of commands as text while a filter is typed, and still quits on Ctrl-C', () => {
    const typing = press(state, '2', '/');
    expect(press(typing, 'q', '2', 'space').overlay).toMatchObject({text: 'q2 '});
    expect(play(typing, key('ctrl-c')).effects).toEqual([{kind: 'quit'}]);
    expect(press(typing, 'q', 'enter', '/', 'ctrl-u', 'up').overlay).toMatchObject({text: 'q'});
    expect(press(typing, 'pageup')).toBe(typing);
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
  it.each(['2', 'K', 'enter', 'space', ':', 'j', 'a'])('takes no %s', name => {
    expect(play(small, key(name))).toEqual({state: small, effects: []});
  });

  it('accepts no word, Enter or paste as a confirmation, and can be left', () => {
    for (const name of ['y', 'e', 's', 'enter', 'backspace', 'pagedown'])
      expect(press(confirming, name)).toBe(confirming);
    expect(play(confirming, {kind: 'paste', text: 'yes'}).state).toBe(confirming);
    expect(press(confirming, 'escape').wizard?.stage).not.toBe('confirm');
  });

  it('does not stop a run with Esc, where the confirmation could not be shown', () => {
    expect(play(running, key('escape'))).toEqual({state: running, effects: []});
    expect(play(running, key('ctrl-c')).effects).toEqual([{kind: 'quit'}]);
  });

  it.each(['ctrl-c', 'q'])('is left with %s', name => {
    expect(play(small, key(name)).effects).toEqual([{kind: 'quit'}]);
  });
});
