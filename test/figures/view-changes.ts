import {expect} from 'vitest';
import {type ChangeRow, changeColumns, changeRows} from '../../source/console/rows/changes.ts';
import {oneLine} from '../../source/console/rows/one-line.ts';
import {groupBy} from '../../source/core/group-by.ts';
import {counted, formatAge} from '../../source/core/text/format.ts';
import {rowsOf} from '../console/played.ts';
import {type Cells, textLength} from './cells.ts';
import {printedCells, rowsAt, type Seen, sortedCells} from './seen.ts';
import {entriesOf} from './view-journal.ts';

/** A change with the times, of the server, between which it was. */
type Expected = {cells: Cells; from: string; to: string};

/** What differs between what the server said after the first reading and before the second. */
export function expectChanges(seen: Seen): void {
  const {state, readings} = seen;
  const expected = [...runs(seen), ...settings(seen), ...sessions(seen), ...statements(seen)];
  const found: ChangeRow[] = changeRows(state);
  const ids = changeColumns.map(({id}) => id).filter(id => id !== 'time');
  const printed = printedCells(state, changeColumns, found);
  expect(sortedCells(printed, ids)).toEqual(
    sortedCells(
      expected.map(({cells}) => cells),
      ids,
    ),
  );
  const keyOf = (cells: Cells) => JSON.stringify(cells, ids);
  for (const [key, alike] of groupBy(expected, ({cells}) => keyOf(cells))) {
    const times = printed.filter(each => keyOf(each) === key).map(({time = ''}) => time.replace('Z', ''));
    alike.sort((one, other) => (one.from < other.from ? -1 : 1));
    for (const [index, time] of times.sort().entries()) {
      const between = [alike[index]?.from, time, alike[index]?.to];
      expect(between.toSorted(), key).toEqual(between);
    }
  }
  const [begun, ended] = readings.map(({at}) => Date.parse(at)) as [number, number];
  const since = readings[0].at.slice(11, 19);
  expect(rowsOf(state).join('\n')).toContain(`what changed in ${formatAge(ended - begun)}, since ${since}Z`);
}

/** `12:00:07` of an ISO time. */
function timeOf(at: unknown): string {
  return String(at).slice(11, 19);
}

/** When the server was asked the first and the last time that a reading may be from. */
function around(seen: Seen, from: 0 | 1 | 2 | 3, to: 0 | 1 | 2 | 3): {from: string; to: string} {
  return {from: timeOf(rowsAt(seen, '', from)[0]?.at), to: timeOf(rowsAt(seen, '', to)[0]?.at)};
}

function runs(seen: Seen): Expected[] {
  const entries = entriesOf(seen);
  return entries.flatMap(entry => {
    if (entry.event !== 'run') return [];
    const end = entries.find(each => each.event === 'end' && each.run === entry.run);
    return {
      cells: {
        kind: 'run',
        what: `${entry.recipe} ran ${counted(entry.step_count, 'step')}`,
        figures: end?.event === 'end' ? end.status : '',
        by: entry.actor,
      },
      from: timeOf(entry.at),
      to: timeOf(entry.at),
    };
  });
}

/** Set since the first reading. */
function settings(seen: Seen): Expected[] {
  const before = new Set(rowsAt(seen, 'view.settings', 1).map(row => JSON.stringify(row)));
  return rowsAt(seen, 'view.settings', 2)
    .filter(row => !before.has(JSON.stringify(row)))
    .map(({role, name, value}) => ({
      cells: {
        kind: 'setting',
        what: `set: ${name} for role ${role}`,
        figures: `not set -> ${value}`,
        by: '',
      },
      ...around(seen, 1, 3),
    }));
}

/** Applications that have connected since. */
function sessions(seen: Seen): Expected[] {
  const before = new Set(rowsAt(seen, 'view.applications', 1).map(({application_name}) => application_name));
  return rowsAt(seen, 'view.applications', 2)
    .filter(({application_name, sessions: count}) => !before.has(application_name) && Number(count) > 2)
    .map(({application_name, usename, sessions: count, client, first_start}) => ({
      cells: {
        kind: 'sessions',
        what: seen.sees(usename) ? `connected from ${client}` : 'connected',
        figures: `0 -> ${count} sessions`,
        by: `${application_name}/${usename}`,
      },
      // When a session began is hidden: it was seen first by the second reading.
      ...(seen.sees(usename) ? {from: timeOf(first_start), to: timeOf(first_start)} : around(seen, 2, 3)),
    }));
}

/** The costliest of those without an entry after the first reading, and how many more there are. */
function statements(seen: Seen): Expected[] {
  const before = new Set(rowsAt(seen, 'view.statements', 1).map(({id}) => id));
  const all = rowsAt(seen, 'view.statements', 2)
    .filter(({id, usename, query}) => !before.has(id) && seen.sees(usename) && !control.test(String(query)))
    .filter(({stats_since}) => isKnownToBeNew(seen, stats_since))
    .sort((a, b) => Number(b.total_exec_time_ms) - Number(a.total_exec_time_ms));
  const read = around(seen, 2, 3);
  const found = all.slice(0, mostNamed).map(({query, calls, usename, stats_since}): Expected => {
    const text = String(query);
    const schema = /^(?:CREATE|ALTER|DROP) \w+/.exec(text)?.[0];
    const what = schema === undefined ? `new: ${oneLine(text)}` : `ran: ${schema}`;
    return {
      cells: {
        kind: schema === undefined ? 'statement' : 'schema',
        what: what.slice(0, textLength).trimEnd(),
        figures: schema === undefined ? counted(Number(calls), 'call') : '',
        by: String(usename),
      },
      // Before extension 1.11 an entry has no time of its own.
      ...(stats_since === null ? read : {from: timeOf(stats_since), to: timeOf(stats_since)}),
    };
  });
  const rest = all.length - mostNamed;
  const more = {kind: 'statement', what: `new: ${counted(rest, 'other statement')}`, figures: '', by: ''};
  return [...withoutRepeats(found), ...(rest > 0 ? [{cells: more, ...read}] : [])];
}

const mostNamed = 8;
/** Only this many are read for certain. */
const surelyAll = 150;

/** It was made within the last minute; before extension 1.11, where every statement is read. */
function isKnownToBeNew({readings: [, last], document}: Seen, stats_since: unknown): boolean {
  if (stats_since === null) return document.statements.length < surelyAll;
  return Date.parse(last.at) - Date.parse(String(stats_since)) <= 60_000;
}

/** They change nothing. */
const control = /^(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT|SET|SHOW)\b/;

/** Statements of one kind that change the schema are one change. */
function withoutRepeats(found: readonly Expected[]): Expected[] {
  const schema = new Map<string | undefined, Expected>();
  for (const each of found) {
    const {kind, what} = each.cells;
    const first = schema.get(what);
    if (kind !== 'schema') continue;
    schema.set(
      what,
      first === undefined
        ? each
        : {
            ...first,
            from: first.from < each.from ? first.from : each.from,
            to: first.to > each.to ? first.to : each.to,
          },
    );
  }
  return [...found.filter(({cells}) => cells.kind !== 'schema'), ...schema.values()];
}
