import {describe, expect, it} from 'vitest';
import {createInputDecoder, type InputEvent} from '../../../source/console/input/decoder.ts';
import {mulberry32} from '../../../source/core/random.ts';

const encode = (text: string) => new TextEncoder().encode(text);

/** The events of what came in these reads, and of what is pending when nothing more comes. */
function decode(reads: Uint8Array[]): InputEvent[] {
  const decoder = createInputDecoder();
  return [...reads.flatMap(read => decoder.push(read)), ...decoder.expire()];
}

function namesOf(events: InputEvent[]): string[] {
  return events.map(event => (event.kind === 'key' ? event.name : `paste ${JSON.stringify(event.text)}`));
}

/** Cut into two reads at every byte, and into one byte each. */
function everySplit(bytes: Uint8Array): Uint8Array[][] {
  const cuts = Array.from({length: bytes.length + 1}, (_, at) => [bytes.slice(0, at), bytes.slice(at)]);
  return [[bytes], ...cuts, Array.from(bytes, byte => Uint8Array.of(byte))];
}

const sequences: [name: string, bytes: string, keys: string[]][] = [
  ['letters', 'jj', ['j', 'j']],
  ['an Enter among them', 'a\rb', ['a', 'enter', 'b']],
  ['Space, Tab, Backspace', ' \t\x7f', ['space', 'tab', 'backspace']],
  ['Ctrl and a letter', 'q\x03', ['q', 'ctrl-c']],
  ['control characters without a key', '\0\x1f', []],
  ['UTF-8', 'é漢👍', ['é', '漢', '👍']],
  ['Esc', '\x1b', ['escape']],
  ['Esc twice', '\x1b\x1b', ['escape', 'escape']],
  ['Esc three times', '\x1b\x1b\x1b', ['escape', 'escape', 'escape']],
  ['arrows', '\x1b[A\x1b[B\x1b[C\x1b[D', ['up', 'down', 'right', 'left']],
  ['arrows in application mode', '\x1bOA\x1bOB\x1bOC\x1bOD', ['up', 'down', 'right', 'left']],
  ['arrows with Shift, Alt, Ctrl', '\x1b[1;2A\x1b[1;3B\x1b[1;5C', ['up', 'down', 'right']],
  ['arrows of rxvt', '\x1b[a\x1bOb\x1b\x1b[A', ['up', 'down', 'up']],
  [
    'Home and End',
    '\x1b[H\x1b[F\x1bOH\x1bOF\x1b[1~\x1b[4~\x1b[7~\x1b[8~',
    ['home', 'end', 'home', 'end', 'home', 'end', 'home', 'end'],
  ],
  ['keys of rxvt with Shift and Ctrl', '\x1b[7$\x1b[8^\x1b[5@j', ['home', 'end', 'pageup', 'j']],
  ['PgUp, PgDn, Delete', '\x1b[5~\x1b[6~\x1b[3~', ['pageup', 'pagedown', 'delete']],
  ['Shift-Tab', '\x1b[Z', ['shift-tab']],
  ['Enter of the keypad', '\x1bOM', ['enter']],
  ['Alt and a letter', '\x1bq\x1bd\x1bb', ['alt-q', 'alt-d', 'alt-b']],
  ['Alt and a letter after Esc', '\x1b\x1bq', ['escape', 'alt-q']],
  ['a cursor report after Esc', '\x1b\x1b[12;40R', ['escape']],
  ['a cursor report after Esc twice', '\x1b\x1b\x1b[12;40Rj', ['escape', 'escape', 'j']],
  ['a cursor report between two Esc', '\x1b\x1b[12;40R\x1b', ['escape', 'escape']],
  [
    'focus, the mouse and an identity after Esc',
    '\x1b\x1b[I\x1b\x1b[<0;1;1M\x1b\x1b[?62c',
    Array(3).fill('escape'),
  ],
  ['a mouse report of X10 after Esc', '\x1b\x1b[M !!j', ['escape', 'j']],
  ['a colour reply after Esc', '\x1b\x1b]11;rgb:ffff/ffff/ffff\x1b\\j', ['escape', 'j']],
  ['a paste after Esc', '\x1b\x1b[200~a\x1b[201~', ['escape', 'paste "a"']],
  ['a sequence that is given up, after Esc', '\x1b\x1b[12\x18j', ['escape', 'j']],
  ['function keys of rxvt with Alt', '\x1b\x1b[15~\x1b\x1bOP', []],
  ['Alt-[ after Esc', '\x1b\x1b[', ['escape', 'alt-[']],
  ['Alt and a character that begins a sequence', '\x1b[', ['alt-[']],
  ['Alt-Shift-O', '\x1bO', ['alt-O']],
  ['Alt-]', '\x1b]', ['alt-]']],
  ['a kitty q', '\x1b[113u', ['q']],
  ['a kitty Q', '\x1b[113;2u', ['Q']],
  ['a kitty Ctrl-C', '\x1b[99;5u', ['ctrl-c']],
  ['a kitty Alt-q', '\x1b[113;3u', ['alt-q']],
  ['a kitty q with Num Lock', '\x1b[113;129u', ['q']],
  ['a kitty Super-q', '\x1b[113;9u', []],
  ['a kitty key let go', '\x1b[113;1:3u\x1b[1;1:3B', []],
  ['a kitty Shift-1 with its text', '\x1b[49:33;2u', ['!']],
  [
    'kitty Esc, Enter, Tab, Backspace',
    '\x1b[27u\x1b[13u\x1b[9;2u\x1b[127u',
    ['escape', 'enter', 'shift-tab', 'backspace'],
  ],
  ['a kitty key of its own', '\x1b[57441;2u', []],
  ['modifyOtherKeys', '\x1b[27;5;99~', ['ctrl-c']],
  ['F1 to F5 of Linux', '\x1b[[Aj', ['j']],
  ['function keys', '\x1bOP\x1b[15~\x1b[24~\x1b[25~\x1b[1;2P\x1b[2~', []],
  ['a mouse report', '\x1b[<0;10;10M\x1b[<0;10;10mj', ['j']],
  ['a mouse report of X10', '\x1b[M !!j', ['j']],
  ['a mouse report of urxvt', '\x1b[32;10;10Mj', ['j']],
  ['focus in and out', '\x1b[I\x1b[O', []],
  ['a cursor report', '\x1b[12;40R', []],
  ['a terminal identity', '\x1b[?62;1;4c\x1b[>41;367;0c', []],
  ['a mode report', '\x1b[?2026;2$yj', ['j']],
  ['a colour reply', '\x1b]11;rgb:ffff/ffff/ffff\x1b\\', []],
  ['a colour reply that ends in BEL', '\x1b]11;rgb:1c1c/1c1c/1c1c\x07j', ['j']],
  ['a DCS', '\x1bP1+r544e=787465726d\x1b\\j', ['j']],
  ['APC, PM and SOS', '\x1b_Gi=1;OK\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\j', ['j']],
  ['a sequence that is given up', '\x1b[12\x18j', ['j']],
  ['a sequence inside another', '\x1b[12\x1b[B', ['down']],
  ['a paste', '\x1b[200~SELECT 1;\rDROP\x1b[201~j', ['paste "SELECT 1; DROP"', 'j']],
  ['a paste with control characters', '\x1b[200~\na\x1b[31mb\x03\r\nc\t\x1b[201~', ['paste "a[31mb c "']],
  ['an end of a paste alone', '\x1b[201~j', ['j']],
  ['an empty paste', '\x1b[200~\x1b[201~', ['paste ""']],
];

describe('the input decoder', () => {
  it.each(sequences)('takes %s, however it is split', (_name, text, keys) => {
    for (const reads of everySplit(encode(text))) expect(namesOf(decode(reads))).toEqual(keys);
  });

  it('gives the same events for the same bytes in any reads', () => {
    const random = mulberry32(7);
    const all = sequences.filter(([name]) => !/^Esc|begins|Alt-/.test(name));
    for (let round = 0; round < 200; round++) {
      const picked = Array.from({length: 8}, () => all[Math.floor(random() * all.length)] ?? all[0]);
      const bytes = encode(picked.map(each => each?.[1]).join(''));
      const expected = picked.flatMap(each => each?.[2] ?? []);
      const reads: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const to = at + 1 + Math.floor(random() * 6);
        reads.push(bytes.slice(at, to));
        at = to;
      }
      expect(namesOf(decode(reads))).toEqual(expected);
    }
  });

  it('never makes a key of a sequence whose rest does not come', () => {
    for (const text of ['\x1b[1', '\x1b[<0;10', '\x1bO1', '\x1b]11;rgb', '\x1bP1', '\x1b[[', '\x1b[M '])
      expect(decode([encode(text)])).toEqual([]);
  });

  it('waits briefly after a lone ESC, longer after the start of a sequence, and after nothing else', () => {
    const waits = ['j', '\x1b', '\x1b[', '\x1bO', '\x1b]', '\x1b[200~x'].map(text => {
      const decoder = createInputDecoder({escape_ms: 50});
      decoder.push(encode(text));
      return decoder.waitMs();
    });
    expect(waits).toEqual([null, 50, 1000, 1000, 3000, 5000]);
  });

  it('hands on a paste whose end is lost, and takes keys again', () => {
    const decoder = createInputDecoder();
    expect(decoder.push(encode('\x1b[200~abc'))).toEqual([]);
    expect(namesOf(decoder.expire())).toEqual(['paste "abc"']);
    expect(namesOf(decoder.push(encode('q')))).toEqual(['q']);
  });

  it('keeps 65,536 units of a paste, and finds its end behind them', () => {
    const events = decode([encode(`\x1b[200~${'x'.repeat(200_000)}\x1b[201~q`)]);
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({kind: 'paste', text: 'x'.repeat(65_536)});
    expect(events[1]).toEqual({kind: 'key', name: 'q'});
  });

  it('drops bytes that are not UTF-8', () => {
    expect(namesOf(decode([Uint8Array.of(0x61, 0xff, 0x9b, 0x62)]))).toEqual(['a', 'b']);
  });
});

it.each([
  ['\u001b[1;3R', [3]],
  ['\u001b[24;80R', [80]],
  ['\u001b[R', []],
  ['\u001b[1;2;3R', []],
])('reports the cursor, which is no key: %j', (bytes, columns) => {
  const reported: number[] = [];
  const decoder = createInputDecoder({onCursorReport: column => reported.push(column)});
  expect(namesOf(decoder.push(Buffer.from(`${bytes}q`)))).toEqual(['q']);
  expect(reported).toEqual(columns);
});
