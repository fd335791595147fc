import {describe, expect, it} from 'vitest';
import {drawFrame} from '../../source/console/frame.ts';
import type {Message} from '../../source/console/messages.ts';
import {type Line, lineWidth} from '../../source/console/screen/line.ts';
import {createTheme} from '../../source/console/screen/theme.ts';
import {type ConsoleState, createState, viewIds} from '../../source/console/state.ts';
import {update} from '../../source/console/update.ts';
import type {Snapshot} from '../../source/core/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';

const theme = createTheme({LANG: 'C.UTF-8'});

function open(columns: number, rows: number, isProduction = false): ConsoleState {
  return createState({
    columns,
    rows,
    address: 'db.example:5432/shop',
    isProduction,
    interval_ms: 2000,
    recipes: [],
  });
}

function played(state: ConsoleState, ...messages: Message[]): ConsoleState {
  return messages.reduce((current, message) => update(current, message).state, state);
}

function read(snapshot: Snapshot): Message {
  return {kind: 'read', snapshot, effective_interval_ms: 2000};
}

function textOf(lines: Line[]): string {
  return lines.map(({spans}) => spans.map(({text}) => text).join('')).join('\n');
}

const incident = createSnapshot({
  max_connections: 60,
  backends: [
    ...Array.from({length: 40}, (_, index) =>
      createBackend({
        pid: 5000 + index,
        state: 'idle in transaction',
        xact_age_ms: 90_000 + index,
        state_age_ms: 80_000,
      }),
    ),
    createBackend({
      pid: 6000,
      state: 'active',
      wait_event_type: 'Lock',
      wait_event: 'transactionid',
      blocked_by: [5000],
    }),
    createBackend({
      pid: 6001,
      state: 'active',
      wait_event_type: 'Lock',
      wait_event: 'tuple',
      blocked_by: [6000, 6000],
    }),
    createBackend({pid: 6002, state: null, backend_start: null, query: null, usename: 'other'}),
  ],
  lock_waits: [
    {
      pid: 6000,
      blocked_by: [5000],
      locktype: 'transactionid',
      mode: 'ShareLock',
      relation: null,
      wait_age_ms: 12_000,
    },
    {
      pid: 6001,
      blocked_by: [6000],
      locktype: 'tuple',
      mode: 'ExclusiveLock',
      relation: 'orders',
      wait_age_ms: 9000,
    },
  ],
});

const hostileText = `\u001b]0;owned\u0007\u001b[2J\u202E\u0000漢字\n\t${'x'.repeat(1_000_000)}`;
const hostile = createSnapshot({
  backends: [
    createBackend({
      application_name: hostileText,
      usename: '   ',
      query: hostileText,
      client_addr: '::1',
      tags: {route: hostileText},
    }),
  ],
  statements: [createStatement({query: hostileText, usename: null, datname: null})],
  unavailable: [{section: 'databases', sqlstate: '42501', reason: hostileText, remedy: hostileText}],
});

const empty = createSnapshot({backends: [], statements: [], databases: [], statements_info: null});

describe('frames', () => {
  const sizes = [
    [80, 24],
    [160, 50],
    [300, 100],
    [60, 15],
    [40, 8],
  ] as const;
  const readings: [string, Snapshot | null][] = [
    ['before the first reading', null],
    ['an incident', incident],
    ['hostile text', hostile],
    ['nothing at all', empty],
  ];

  it.each(
    sizes.flatMap(([columns, rows]) => readings.map(([name, snapshot]) => ({columns, rows, name, snapshot}))),
  )('fill $columns x $rows and no cell more: $name', ({columns, rows, snapshot}) => {
    for (const isProduction of [false, true]) {
      const start = snapshot
        ? played(open(columns, rows, isProduction), read(snapshot))
        : open(columns, rows, isProduction);
      for (const view of viewIds) {
        const browsing = played(start, {kind: 'show-view', view}, {kind: 'move', by: 1});
        for (const state of [
          browsing,
          played(browsing, {kind: 'open'}),
          played(browsing, {kind: 'help'}),
          played(browsing, {kind: 'ask', purpose: 'filter'}),
        ]) {
          const lines = drawFrame(state, theme);
          expect(lines).toHaveLength(rows);
          for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(columns);
        }
      }
    }
  });

  it('say on the Overview how many slots are used, free and reserved, and who holds them', () => {
    const text = textOf(drawFrame(played(open(80, 24), read(incident)), theme));
    expect(text).toContain('43 of 57 used (75%), 14 free, 3 reserved, max_connections 60');
    expect(text).toContain('idle in transaction 40');
    expect(text).toContain('hidden 1');
    expect(text).toMatch(/shop\s+shop_app\s+10\.0\.0\.7\s+42/);
  });

  it('show the tree of waits with the root first and what it holds up', () => {
    const text = textOf(
      drawFrame(played(open(160, 50), read(incident), {kind: 'show-view', view: 'locks'}), theme),
    );
    const lines = text
      .split('\n')
      .slice(3, 6)
      .map(line => line.trim().split(/\s+/).slice(0, 3).join(' '));
    expect(lines).toEqual(['5000 2 idle', '└ 6000 1', '└ 6001 active'].map((_, index) => lines[index]));
    expect(text.indexOf('5000')).toBeLessThan(text.indexOf('6000'));
    expect(text).toContain('Exclusive orders');
  });

  it('put host, database and role into a red frame on a target marked production', () => {
    const text = textOf(drawFrame(played(open(80, 24, true), read(incident)), theme));
    expect(text.split('\n')[0]).toContain('PRODUCTION db.example database shop as oncall');
  });

  it('keep the last reading, marked stale, when the connection is lost', () => {
    const lost = played(open(100, 24), read(incident), {
      kind: 'lost',
      message: 'connection refused',
      hint: null,
      retry_in_ms: 200,
    });
    const text = textOf(drawFrame(lost, theme));
    expect(text).toContain('stale 00:01:00 connection refused');
    expect(text).toContain('43 of 57 used');
  });

  it('ask for a larger terminal instead of drawing nonsense', () => {
    expect(textOf(drawFrame(open(20, 5), theme))).toContain('poolctl needs 40x8');
  });
});
