import {expect} from 'vitest';
import type {TestServer} from '../helpers/server.ts';
import type {Row, Section} from './sections.ts';

/** What the server said of every section at one time. */
export type Asked = Record<string, Row[]>;

export async function ask(server: TestServer, sections: Record<string, Section>): Promise<Asked> {
  const asked: Asked = {};
  for (const [path, {sql}] of Object.entries(sections)) asked[path] = await server.query(sql);
  return asked;
}

export type Comparison = {
  path: string;
  section: Section;
  /** Of the second of two readings. */
  rows: readonly Row[];
  /** Before and after the first reading, before and after the second. */
  asked: readonly Asked[];
  /** Whether poolctl's role sees what sessions of a role do. */
  sees(role: unknown): boolean;
};

/** Each figure is what the server said before or after, or between both; or null, where it is hidden. */
export function expectSection({path, section, rows, asked, sees}: Comparison): void {
  const {key, hidden, own = [], rates = {}, over = {}, tolerance = {}} = section;
  const idOf = (row: Row) => key.map(column => row[column]).join(' ');
  const [first, second, before, after] = asked.map(
    each => new Map((each[path] ?? []).map(row => [idOf(row), row])),
  ) as [Rows, Rows, Rows, Rows];
  const found = new Map(rows.map(row => [idOf(row), row]));
  for (const [id, early] of before) {
    const late = after.get(id);
    const isSeen = !('usename' in early) || sees(early.usename);
    if (late === undefined || (section.isLeftOut && !isSeen)) continue;
    const row = found.get(id);
    expect(row, `${path} ${id} is missing`).toBeDefined();
    if (row === undefined) continue;
    const columns = Object.keys(early).filter(each => !section.helpers?.includes(each));
    const named = new Set([...columns, ...own, ...Object.keys(rates), ...Object.keys(over)]);
    expect(
      Object.keys(row).filter(each => !named.has(each)),
      `${path}: figures without SQL`,
    ).toEqual([]);
    for (const column of columns) {
      const where = `${path} ${id} ${column}`;
      const value = row[column];
      if (hidden.includes(column) && !isSeen)
        expect([null, [], {}], `${where} is hidden`).toContainEqual(value ?? null);
      else expectBetween(where, value, [early[column], late[column]], tolerance[column] ?? 0);
    }
    for (const [figure, of] of Object.entries(over)) {
      const begins = [first.get(id), second.get(id)];
      if (row[figure] === undefined || begins.includes(undefined)) continue;
      const possible = begins.flatMap(from => [early, late].map(to => of(from ?? {}, to)));
      const bounds: [number, number] = [Math.min(...possible), Math.max(...possible)];
      expectBetween(`${path} ${id} ${figure}`, row[figure], bounds, tolerance[figure] ?? 0);
    }
    for (const [rate, counters] of Object.entries(rates)) {
      if (row[rate] === undefined) continue;
      const sum = (of: Row | undefined) =>
        counters.reduce((total, each) => total + Number(of?.[each] ?? 0), 0);
      const growth = (Number(row[rate]) * Number(row.interval_ms)) / 1000;
      const most = sum(late) - sum(first.get(id));
      expectBetween(
        `${path} ${id} ${rate}`,
        growth,
        [sum(early) - sum(second.get(id)), most],
        tolerance[rate] ?? 0.001,
      );
    }
  }
  for (const id of found.keys())
    expect(before.has(id) || after.has(id) || section.isPart === true, `${path} ${id} is not in SQL`).toBe(
      true,
    );
}

type Rows = Map<string, Row>;

function expectBetween(
  where: string,
  value: unknown,
  [early, late]: [unknown, unknown],
  tolerance: number,
): void {
  // What the server has no value for may be left out.
  if (early === null && (value === null || value === undefined)) return;
  const isNumber = typeof value === 'number' && typeof early === 'number' && typeof late === 'number';
  if (!isNumber) {
    const isTime = [value, early, late].every(each => typeof each === 'string' && /^\d{4}-.*Z$/.test(each));
    if (isTime) expect([early, value, late].toSorted(), where).toEqual([early, value, late]);
    else expect([sorted(early), sorted(late)], where).toContainEqual(sorted(value));
    return;
  }
  const [least, most] = [Math.min(early, late) - tolerance, Math.max(early, late) + tolerance];
  expect(value >= least && value <= most, `${where}: ${value} is not in ${least} to ${most}`).toBe(true);
}

/** Order means nothing in lists of pids and holders. */
function sorted(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
