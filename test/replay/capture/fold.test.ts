import {describe, expect, it} from 'vitest';
import {fold, timelineOf} from '../../../source/replay/capture/fold.ts';
import type {Timed} from '../../../source/replay/capture/units.ts';
import type {SqlNode} from '../../../source/replay/endpoint/sql-endpoint.ts';

const statement = (
  text: string,
  keys: string[] = [],
  more: Partial<Extract<Timed, {kind: 'statement'}>> = {},
): Timed => ({
  kind: 'statement',
  text,
  values: keys.map(key => ({param: {value: key}, key})),
  result: null,
  think_ms: 0,
  ...more,
});
const list = statement('list', [], {
  result: {
    columns: ['id', 'kind'],
    rows: [
      ['1', 'a'],
      ['2', 'a'],
      ['3', 'b'],
    ],
  },
});
const transaction = (...body: Timed[]): Timed => ({kind: 'transaction', body, think_ms: 0, trailing_ms: 0});

/** `S(list) each[S(one $id)]` */
function brief(nodes: readonly SqlNode[]): string {
  return nodes
    .map(node => {
      if (node.kind === 'statement') {
        const params = node.params.map(param =>
          'name' in param ? `$${param.name}` : 'value' in param ? param.value : '',
        );
        return [node.text, ...params].join(' ');
      }
      if (node.kind === 'think') return `think ${node.ms}`;
      return `${node.kind}${node.kind === 'repeat' ? node.count : ''}[${brief(node.body)}]`;
    })
    .join('; ');
}

describe('fold', () => {
  it.each<[string, Timed[], string]>([
    [
      'one statement for each row',
      [list, ...['1', '2', '3'].map(id => statement('one', [id, 'x']))],
      'list; each[one $id x]',
    ],
    [
      'several statements for each row',
      [list, ...['1', '2', '3'].flatMap(id => [statement('one', [id]), statement('two', ['x', id])])],
      'list; each[one $id; two x $id]',
    ],
    [
      'one loop after another over the same rows',
      [
        list,
        ...['1', '2', '3'].map(id => statement('one', [id])),
        ...['a', 'a', 'b'].map(kind => statement('two', [kind])),
      ],
      'list; each[one $id]; each[two $kind]',
    ],
    [
      'a transaction for each row',
      [list, ...['1', '2', '3'].map(id => transaction(statement('one', [id])))],
      'list; each[transaction[one $id]]',
    ],
    ['one row short', [list, ...['1', '2'].map(id => statement('one', [id]))], 'list; one 1; one 2'],
    [
      'another order',
      [list, ...['2', '1', '3'].map(id => statement('one', [id]))],
      'list; one 2; one 1; one 3',
    ],
    [
      'rows of a statement that is not the one before',
      [list, statement('other'), ...['1', '2', '3'].map(id => statement('one', [id]))],
      'list; other; one 1; one 2; one 3',
    ],
    [
      'the same statement again',
      [statement('a', ['1']), statement('a', ['1']), statement('b')],
      'repeat2[a 1]; b',
    ],
    ['the same block again', [1, 2, 3].flatMap(() => [statement('a'), statement('b')]), 'repeat3[a; b]'],
    [
      'pauses, of which the median is used',
      [2, 5, 3].map(think_ms => statement('a', [], {think_ms})),
      'repeat3[think 3; a]',
    ],
    ['pauses too short to count', [statement('a'), statement('b', [], {think_ms: 0.9})], 'a; b'],
  ])('%s', (_, body, expected) => {
    expect(brief(fold(body))).toBe(expected);
  });
});

describe('timelineOf', () => {
  const unit = (text: string, started_ms: number, ended_ms: number, connection = 1) => ({
    node: statement(text),
    connection,
    started_ms,
    ended_ms,
  });
  it.each<[string, ReturnType<typeof unit>[], string]>([
    ['one after the other', [unit('a', 0, 1), unit('b', 1, 2)], 'a; b'],
    ['a pause', [unit('a', 0, 1), unit('b', 5, 6)], 'a; think 4; b'],
    ['a user between two clicks', [unit('a', 0, 1), unit('b', 9000, 9001)], 'a; b'],
    [
      'two statements at the same time',
      [unit('a', 0, 3), unit('b', 1, 2, 2), unit('c', 3, 4)],
      'parallel[a; b]; c',
    ],
    [
      'statements pipelined on two connections',
      [unit('a', 0, 4), unit('b', 0, 6), unit('c', 0, 5, 2), unit('d', 0, 7, 2)],
      'parallel[group[a; b]; group[c; d]]',
    ],
    [
      'a sequence while another statement runs',
      [unit('a', 0, 9), unit('b', 1, 3, 2), unit('c', 4, 6, 2)],
      'parallel[a; group[b; think 1; c]]',
    ],
    [
      'three on two connections',
      [unit('a', 0, 5), unit('b', 1, 3, 2), unit('c', 3, 6, 2)],
      'parallel[a; group[b; c]]',
    ],
    [
      'the same statement several times at once',
      [unit('a', 0, 5), unit('a', 1, 5, 2), unit('a', 2, 5, 3)],
      'parallel[repeat3[a]]',
    ],
  ])('%s', (_, units, expected) => {
    expect(brief(fold(timelineOf(units).body))).toBe(expected);
  });
});
