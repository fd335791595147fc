import {describe, expect, it} from 'vitest';
import {keyList} from '../../source/console/components/help.ts';
import {bindings, commandOf} from '../../source/console/keymap.ts';
import {type InkKey, splitKeys} from '../../source/console/keys.ts';
import {createState} from '../../source/console/state.ts';

const noKey: InkKey = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageDown: false,
  pageUp: false,
  home: false,
  end: false,
  return: false,
  escape: false,
  ctrl: false,
  shift: false,
  meta: false,
  tab: false,
  backspace: false,
  delete: false,
};

const state = createState({
  columns: 80,
  rows: 24,
  address: 'db',
  isProduction: false,
  interval_ms: 2000,
  recipes: [],
});

describe('splitKeys', () => {
  it.each([
    ['jj', noKey, ['j', 'j']],
    ['', {...noKey, upArrow: true}, ['up']],
    ['', {...noKey, tab: true}, ['tab']],
    ['', {...noKey, tab: true, shift: true}, ['shift-tab']],
    ['c', {...noKey, ctrl: true}, ['ctrl-c']],
    [' ', noKey, ['space']],
    ['\r', noKey, ['enter']],
    ['a\rb', noKey, ['a', 'enter', 'b']],
    ['\u0000\u001f', noKey, []],
    ['q\u0003', noKey, ['q', 'ctrl-c']],
    ['', {...noKey, delete: true}, ['backspace']],
    ['é漢', noKey, ['é', '漢']],
    ['?', {...noKey, meta: true}, ['escape', '?']],
    ['', {...noKey, escape: true, meta: true}, ['escape']],
  ] as const)('%j becomes %j', (input, key, names) => {
    expect(splitKeys(input, key)).toEqual(names);
  });
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
    expect(keyList()).toHaveLength(bindings.length);
    for (const {keys, help} of keyList()) {
      expect(keys).not.toBe('');
      expect(help).not.toBe('');
    }
  });

  it('says why a key can do nothing instead of ignoring it', () => {
    expect(commandOf('K', state)).toEqual({blocked: 'K: only sessions can be ended: 2 or 4'});
    expect(commandOf('enter', state)).toEqual({blocked: 'Enter: no row is held: move onto one first'});
    expect(commandOf('a', state)).toEqual({blocked: 'a: no such finding'});
  });

  it.each([
    ['2', {kind: 'show-view', view: 'sessions'}],
    ['tab', {kind: 'turn-view', by: 1}],
    ['ctrl-c', {kind: 'quit'}],
    ['q', {kind: 'quit'}],
    ['?', {kind: 'help'}],
  ])('%s while browsing', (key, command) => {
    expect(commandOf(key, state)).toEqual({command});
  });

  it('types what would be a command while a filter is typed, and still leaves on Ctrl-C', () => {
    const typing = {
      ...state,
      overlay: {kind: 'prompt' as const, purpose: 'filter' as const, text: '', before: '', error: null},
    };
    expect(commandOf('q', typing)).toEqual({command: {kind: 'type', text: 'q'}});
    expect(commandOf('2', typing)).toEqual({command: {kind: 'type', text: '2'}});
    expect(commandOf('space', typing)).toEqual({command: {kind: 'type', text: ' '}});
    expect(commandOf('ctrl-c', typing)).toEqual({command: {kind: 'quit'}});
    expect(commandOf('up', typing)).toBeNull();
  });
});
