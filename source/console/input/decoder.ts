import {keyOfCharacter, keyOfCsi, keyOfSs3} from './sequences.ts';

/** What a terminal sent: a key by its name (`q`, `down`, `ctrl-l`, `alt-q`), or text that was pasted. */
export type InputEvent = {kind: 'key'; name: string} | {kind: 'paste'; text: string};

/**
 * Turns a terminal's bytes into events, however they are cut into reads. A sequence is taken whole: one that is no
 * key of ours (mouse, focus, replies to queries) is dropped up to its end, and none of it becomes a key.
 */
export type InputDecoder = {
  push(bytes: Uint8Array): InputEvent[];
  /** How long to wait for the rest of a sequence that has begun, in ms; null where none has. */
  waitMs(): number | null;
  /** Ends the sequence, whose rest did not come in that time. */
  expire(): InputEvent[];
};

type State =
  | {kind: 'ground'}
  /** ESC, or ESC ESC. */
  | {kind: 'escape'; count: 1 | 2}
  /** `afterEsc`: one ESC more stands before it, of a key with Alt or of the Esc key. */
  | {kind: 'csi'; text: string; afterEsc: boolean}
  | {kind: 'ss3'; text: string; afterEsc: boolean}
  /** Characters that belong to the sequence before. */
  | {kind: 'skip'; left: number}
  /** OSC, DCS, APC, PM, SOS: up to ST, `ESC \`. */
  | {kind: 'string'; introducer: string; isBegun: boolean; isEscape: boolean}
  | {kind: 'paste'; text: string; tail: string};

const ESC = '\u001b';
const BEL = '\u0007';
const ground: State = {kind: 'ground'};
const strings = new Set([']', 'P', '_', '^', 'X']);
const pasteEnd = `${ESC}[201~`;

/** Over 9600 baud bytes come 1 ms apart, over a bad line in bursts. */
const defaultEscapeMs = 75;
const sequenceMs = 1000;
const stringMs = 3000;
const pasteMs = 5000;
/** UTF-16 units of a paste that are kept; the rest is dropped. */
const longestPaste = 65_536;

export type DecoderOptions = {
  /** How long a lone ESC waits for the rest of a sequence before it is the Esc key, in ms. */
  escape_ms?: number;
  /** Where the terminal says that the cursor is; the column is counted from 1. */
  onCursorReport?(column: number): void;
};

export function createInputDecoder({
  escape_ms = defaultEscapeMs,
  onCursorReport = () => {},
}: DecoderOptions = {}): InputDecoder {
  const utf8 = new TextDecoder('utf-8', {ignoreBOM: true});
  let state: State = ground;
  let events: InputEvent[] = [];

  const key = (name: string | null) => {
    if (name) events.push({kind: 'key', name});
  };
  const paste = (text: string) => events.push({kind: 'paste', text: cleanPaste(text)});
  const taken = () => {
    const all = events;
    events = [];
    return all;
  };

  function take(character: string): State {
    switch (state.kind) {
      case 'ground':
        return takeGround(character);
      case 'escape':
        return takeEscape(character, state.count);
      case 'csi':
        return takeCsi(character, state);
      case 'ss3':
        return takeSs3(character, state);
      case 'skip':
        return state.left > 1 ? {kind: 'skip', left: state.left - 1} : ground;
      case 'string':
        return takeString(character, state);
      case 'paste':
        return takePaste(character, state);
    }
  }

  function takeGround(character: string): State {
    if (character === ESC) return {kind: 'escape', count: 1};
    key(keyOfCharacter(character));
    return ground;
  }

  function takeEscape(character: string, count: 1 | 2): State {
    const afterEsc = count === 2;
    if (character === '[') return {kind: 'csi', text: '', afterEsc};
    if (character === 'O') return {kind: 'ss3', text: '', afterEsc};
    if (character === ESC) {
      if (afterEsc) key('escape');
      return {kind: 'escape', count: 2};
    }
    if (afterEsc) key('escape');
    if (strings.has(character))
      return {kind: 'string', introducer: character, isBegun: false, isEscape: false};
    const name = keyOfCharacter(character);
    key(name && `alt-${name}`);
    return ground;
  }

  function takeCsi(character: string, csi: State & {kind: 'csi'}): State {
    const {text} = csi;
    // Linux's F1 to F5: ESC [ [ A.
    if (text === '' && character === '[') return {kind: 'skip', left: 1};
    // rxvt ends its keys with Shift in `$`, which begins an ending of two characters elsewhere.
    const isRxvt = character === '$' && /^\d+$/.test(text);
    if (isParameter(character) && !isRxvt) return {...csi, text: text + character};
    const name = isFinal(character) || isRxvt ? keyOfCsi(text, character) : null;
    const isPaste = text === '200' && character === '~';
    // Before a key, ESC is Alt in rxvt. Before what is no key it was the Esc key: the terminal's answer to a frame often
    // comes right after what was pressed upon that frame.
    const isOfKey = name !== null || (/[~^$@]/.test(character) && !isPaste);
    if (csi.afterEsc && !isOfKey) key('escape');
    if (isPaste) return {kind: 'paste', text: '', tail: ''};
    // X10's mouse: ESC [ M and three bytes.
    if (text === '' && character === 'M') return {kind: 'skip', left: 3};
    const report = character === 'R' ? /^\d+;(\d+)$/.exec(text) : null;
    if (report) onCursorReport(Number(report[1]));
    else key(name);
    return isFinal(character) || isRxvt ? ground : leave(character);
  }

  function takeSs3(character: string, ss3: State & {kind: 'ss3'}): State {
    if (isFinal(character)) {
      key(keyOfSs3(character));
      return ground;
    }
    if (isParameter(character)) return {...ss3, text: ss3.text + character};
    if (ss3.afterEsc) key('escape');
    return leave(character);
  }

  /** A character that cannot be part of a sequence ends it, and is decoded on its own. */
  function leave(character: string): State {
    state = ground;
    return character === '\u0018' || character === '\u001a' ? ground : takeGround(character);
  }

  function takeString(character: string, string: State & {kind: 'string'}): State {
    if (string.isEscape && character === '\\') return ground;
    if (string.introducer === ']' && character === BEL) return ground;
    if (character === '\u0018' || character === '\u001a') return ground;
    return {...string, isBegun: true, isEscape: character === ESC};
  }

  function takePaste(character: string, {text, tail: before}: State & {kind: 'paste'}): State {
    const tail = (before + character).slice(-pasteEnd.length);
    const longer = text.length < longestPaste + pasteEnd.length ? text + character : text;
    if (tail !== pasteEnd) return {kind: 'paste', text: longer, tail};
    paste(longer.endsWith(pasteEnd) ? longer.slice(0, -pasteEnd.length) : longer);
    return ground;
  }

  return {
    push(bytes) {
      for (const character of utf8.decode(bytes, {stream: true})) state = take(character);
      return taken();
    },
    waitMs() {
      switch (state.kind) {
        case 'ground':
          return null;
        case 'escape':
          return escape_ms;
        case 'string':
          return stringMs;
        case 'paste':
          return pasteMs;
        default:
          return sequenceMs;
      }
    },
    expire() {
      if ('afterEsc' in state && state.afterEsc) key('escape');
      if (state.kind === 'escape') for (let each = 0; each < state.count; each++) key('escape');
      else if (state.kind === 'csi' && state.text === '') key('alt-[');
      else if (state.kind === 'ss3' && state.text === '') key('alt-O');
      else if (state.kind === 'string' && !state.isBegun) key(`alt-${state.introducer}`);
      else if (state.kind === 'paste') paste(state.text);
      state = ground;
      return taken();
    },
  };
}

function isFinal(character: string): boolean {
  return character >= '@' && character <= '~';
}

/** Parameters and what may stand between them and the final character. */
function isParameter(character: string): boolean {
  return character >= ' ' && character <= '?';
}

/** One line without control characters: what fits into a field. */
function cleanPaste(text: string): string {
  return text
    .slice(0, longestPaste)
    .replace(/^[\r\n]+|[\r\n]+$/g, '')
    .replace(/\r\n|[\r\n\t\u2028\u2029]/g, ' ')
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, '');
}
