import {expect} from 'vitest';
import {fitColumns} from '../../source/console/components/table.tsx';
import type {Column} from '../../source/console/rows/arrange.ts';
import {lockRows} from '../../source/console/rows/locks.ts';
import {oneLine} from '../../source/console/rows/one-line.ts';
import {poolColumns, poolRows} from '../../source/console/rows/pools.ts';
import {sessionColumns, sessionRows} from '../../source/console/rows/sessions.ts';
import {statementColumns, statementRows} from '../../source/console/rows/statements.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {views} from '../../source/console/views/index.ts';
import {lockColumns} from '../../source/console/views/locks.tsx';
import {formatBytes, formatCount, formatMs, formatRatio, formatSpan} from '../../source/core/text/format.ts';
import {open, play, press, read, rowsOf, theme} from '../console/played.ts';
import {
  type Cells,
  type Document,
  grownOf,
  lockCells,
  of,
  poolCells,
  sessionCells,
  statementCells,
} from './cells.ts';
import {columns, printedCells, type Seen, sortedCells} from './seen.ts';
import {expectChanges} from './view-changes.ts';
import {expectJournal} from './view-journal.ts';
import {expectRecipes} from './view-recipes.ts';
import {expectScan} from './view-scan.ts';
import {expectServer} from './view-server.ts';
import {expectWaits} from './view-waits.ts';

/** Below 44 rows the charts of the Overview are below each other; a table has all of its rows on a high screen. */
const rows = 43;

/** What compares everything that a view prints with SQL, by the view's id. */
const comparisons: {[view: string]: (seen: Seen) => void} = {
  overview: ({readings, document}) =>
    expectOverview(play(open(columns, rows), ...readings.map(each => read(each))).state, document),
  sessions: ({state, document}) =>
    expectTable(state, sessionColumns, sessionRows(state), sessionCells(document)),
  statements: ({state, document}) =>
    expectTable(state, statementColumns, statementRows(state), statementCells(document)),
  locks: ({state, document}) =>
    expectTable(state, lockColumns(theme.symbols), lockRows(state), lockCells(document)),
  recipes: expectRecipes,
  journal: expectJournal,
  changes: expectChanges,
  // Of PgBouncer's: pooler.test.ts.
  pools: ({state, readings}) => expectTable(state, poolColumns, poolRows(state), poolCells(state, readings)),
  waits: expectWaits,
  server: expectServer,
  scan: expectScan,
};

/**
 * Every view of the console prints what SQL says. One that is missing above fails, and so does a figure of a view that nothing there
 * expects.
 */
export function expectViews(seen: Seen): void {
  expect(Object.keys(comparisons).sort(), 'views that are compared with SQL').toEqual(
    views.map(({id}) => id).sort(),
  );
  for (const {id, key} of views) {
    const state = press(seen.state, key);
    expect(state.view).toBe(id);
    comparisons[id]?.({...seen, state});
  }
}

/** `expected`: every row in any order. */
function expectTable<R>(state: ConsoleState, shown: Column<R>[], found: R[], expected: Cells[]): void {
  const isEmpty = ({text}: Column<R>) => found.every(row => text(row) === '');
  const wanted = shown.filter(column => !column.isRare || !isEmpty(column)).map(({id}) => id);
  expect(fitColumns(shown, columns, found).map(({column}) => column.id)).toEqual(wanted);
  const printed = printedCells(state, shown, found);
  expect(sortedCells(printed, wanted), state.view).toEqual(sortedCells(expected, wanted));
}

/** The title of the groups, beside which the charts begin. */
const groupsTitle = 'slots by application, role and client';

function expectOverview(state: ConsoleState, document: Document): void {
  const screen = rowsOf(state);
  const groupsAt = screen.findIndex(row => row.includes(groupsTitle));
  const chartsAt = screen[groupsAt]?.indexOf('slots used') ?? 0;
  expect(chartsAt, screen.join('\n')).toBeGreaterThan(0);
  const [, tabs = ''] = screen;
  expect(tabs).toMatch(tabsOf(state, document));
  const findings = screen.slice(0, groupsAt).findIndex(row => row.startsWith('findings'));
  // The footer is the last row but one: ours is as high as the terminal without its last.
  const below = screen.slice(groupsAt, rows - 2);
  const plain = (row: string) => row.trim().replaceAll(/ +/g, ' ');
  const left = below.map(row => plain(row.slice(0, chartsAt)));
  while (left.at(-1) === '') left.pop();
  const title = left.findIndex(row => row.startsWith('costliest statements'));
  const parts = [
    ...screen.slice(2, findings).map(plain),
    ...left,
    ...below.map(row => plain(row.slice(chartsAt))),
  ];
  const printed = parts.filter(part => /\d|[?%]/.test(part) && !isScale(part, document)).map(shortened);
  expect(printed.sort()).toEqual(
    [
      ...serverLines(document),
      ...groupLines(document),
      ...costliestLines(document, left.length - title - 2),
      ...chartTitles(document),
    ]
      .map(shortened)
      .sort(),
  );
}

/** A line of the Overview up to where its statement may be cut. */
function shortened(line: string): string {
  return line.slice(0, lineLength).trimEnd();
}

const lineLength = 80;

/** An axis with its labels, or the time below it. */
function isScale(part: string, {at}: Document): boolean {
  const since = /^(?:slots|\/s) since (\d\d:\d\d:\d\d)Z$/.exec(part)?.[1];
  return /^(?:[\d.]+[kM]? )?[┤│]/.test(part) || (since !== undefined && since <= at.slice(11, 19));
}

function tabsOf({findings}: ConsoleState, {backends, statements_info: info, lock_waits}: Document): RegExp {
  const entries = (info?.entries ?? 0) - (info?.own_entries ?? 0);
  const counts: [string, number][] = [
    ['Overview', findings.length],
    ['Sessions', backends.length],
    ['Statements', entries],
    ['Locks', lock_waits.length],
  ];
  const shown = counts.map(
    ([title, count]) => `\\d ${title}${count === 0 ? '' : ` ${count}${title === 'Overview' ? '!' : ''}`}`,
  );
  return new RegExp(`^ *${shown.join(' +')} +5 Recipes`);
}

function serverLines({budget, backends, databases, target}: Document): string[] {
  const {used, usable, headroom, max_connections} = budget;
  const reserved = budget.superuser_reserved_connections + budget.reserved_connections;
  const count = (...states: (string | null)[]) => backends.filter(({state}) => states.includes(state)).length;
  const hidden = count(null);
  const aborted = count('idle in transaction (aborted)');
  const inTransaction = count('idle in transaction') + aborted;
  const sum = (rate: string) =>
    databases.reduce((total, each) => total + Number((each as Record<string, unknown>)[rate] ?? 0), 0);
  const recent = databases.find(({datname}) => datname === target.database)?.recent_hits;
  const hits = `hits ${formatSpan(recent?.interval_ms ?? null)}: cache ${formatRatio(recent?.cache_hit_ratio ?? null)} index ${formatRatio(recent?.index_hit_ratio ?? null)}`;
  const temp = sum('temp_bytes_per_second');
  const [interval_ms = null] = databases.flatMap(each =>
    'interval_ms' in each ? [Number(each.interval_ms)] : [],
  );
  const rates = `${formatCount(sum('commits_per_second'))} commits/s ${formatCount(sum('rollbacks_per_second'))} rollbacks/s`;
  return [
    `${used} of ${usable} used (${formatRatio(used / usable, 0)}), ${headroom} free, ${reserved} reserved, max_connections ${max_connections}`,
    `${hidden > 0 ? 'seen: ' : ''}active ${count('active')} idle ${count('idle')} idle in transaction ${inTransaction}` +
      `${aborted > 0 ? ` (${aborted} aborted)` : ''} poolctl ${used - backends.length}${hidden > 0 ? `; ${hidden} hidden` : ''}`,
    `over ${formatSpan(interval_ms)}: ${rates} ${temp === 0 ? '' : `temp ${formatBytes(temp)}/s `}${hits}`,
  ];
}

function groupLines({budget}: Document): string[] {
  return budget.groups.map(
    ({application_name, usename, client_addr, count, active, idle, idle_in_transaction}) => {
      const counts = [active, idle, idle_in_transaction].map(each => each ?? '?');
      const client = client_addr ?? (active === null ? '?' : 'local');
      return [application_name, usename, client, count, ...counts].join(' ');
    },
  );
}

/** The window of the title, and as many statements as fit: those with most time in it. */
function costliestLines({statements, statements_info: info}: Document, fit: number): string[] {
  const interval_ms = statements.map(each => of(each, 'interval_ms')).find(each => each !== null);
  if (interval_ms === undefined) {
    // Extension 1.8 does not say when.
    if (!info?.stats_reset) return [];
    const ago_ms = Date.parse(info.at ?? '') - Date.parse(info.stats_reset);
    return [`costliest statements since the reset ${formatSpan(ago_ms)} ago`];
  }
  const called = statements.filter(each => (grownOf(each).calls ?? 0) > 0);
  const costliest = called.toSorted((a, b) => (grownOf(b).exec_ms ?? 0) - (grownOf(a).exec_ms ?? 0));
  return [
    `costliest statements over ${formatSpan(interval_ms)}`,
    ...costliest.slice(0, fit).map(each => {
      const share = formatRatio(of(each, 'exec_share_ratio'));
      const mean = formatMs(of(each, 'interval_mean_exec_time_ms'));
      const query = oneLine(each.query ?? `(${each.queryid})`);
      return `${share} ${mean} ${formatCount(of(each, 'calls_per_second'))} ${query}`;
    }),
  ];
}

function chartTitles({budget, databases}: Document): string[] {
  const {by_state, used} = budget;
  const commits = databases.reduce(
    (total, each) => total + Number((each as Record<string, unknown>).commits_per_second ?? 0),
    0,
  );
  const inState = (title: string, ...states: string[]) => {
    const counts = states.map(each => by_state[each] ?? null);
    return counts.includes(null)
      ? []
      : [`${title} ${counts.reduce<number>((sum, each) => sum + (each ?? 0), 0)}`];
  };
  return [
    `slots used ${used}`,
    ...inState('active', 'active'),
    ...inState('idle in transaction', 'idle in transaction', 'idle in transaction (aborted)'),
    `commits/s ${formatCount(commits)}`,
  ];
}
