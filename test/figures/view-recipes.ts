import {expect} from 'vitest';
import {everyFinding} from '../../source/console/state/findings.ts';
import {thresholds} from '../../source/core/health/thresholds.ts';
import {parseDurationMs} from '../../source/core/text/time.ts';
import {rowsOf, theme} from '../console/played.ts';
import type {Row} from './sections.ts';
import {rowsAt, type Seen} from './seen.ts';

/** They find sessions by how long they have been so, which is longer on a slower machine. */
const ofSessions: readonly string[] = ['kill-idle-sessions', 'release-blockers', 'cancel-runaway-statements'];

/** Every recipe of the list, with as many findings as SQL has candidates, and the first of them. */
export function expectRecipes(seen: Seen): void {
  const {state} = seen;
  const screen = rowsOf(state);
  const listed = state.recipes.map(({id}) => {
    const at = screen.findIndex(row => row.slice(2, 30).trim() === id);
    const [, found = ''] = /^.{30} ( ?\d+ found|advice|)\s/.exec(screen[at] ?? '') ?? [];
    return {
      recipe: id,
      found: found.trim(),
      sign: screen[at]?.[0]?.trim() ?? 'not listed',
      first: found.endsWith('found') ? (screen[at + 1]?.trim() ?? '') : '',
    };
  });
  const candidates = rowsAt(seen, 'view.candidates', 3);
  const expected = state.recipes.map(({id, plan}) => {
    const own = candidates.filter(({recipe}) => recipe === id);
    return {
      recipe: id,
      found: own.length > 0 ? `${own.length} found` : plan ? '' : 'advice',
      sign: own.length > 0 ? theme.symbols.warning : '',
      first: String(own[0]?.summary ?? ''),
    };
  });
  const isOfCatalog = ({recipe}: {recipe: string}) => !ofSessions.includes(recipe);
  expect(listed.filter(isOfCatalog)).toEqual(expected.filter(isOfCatalog));
  const badge = listed.filter(({found}) => found.endsWith('found')).length;
  expect(screen[1]).toMatch(new RegExp(`5 Recipes ${badge}! `));
  for (const {recipe, found, first} of listed.filter(each => !isOfCatalog(each))) {
    const own = everyFinding(state).filter(each => each.recipe === recipe);
    expect(found, recipe).toBe(own.length === 0 ? '' : `${own.length} found`);
    expect(own[0]?.summary.slice(0, 200) ?? '', recipe).toBe(first.slice(0, 200));
    for (const {summary} of own) expectSessions(seen, summary);
  }
}

/** How many sessions it is about, which one, and for how long: as SQL says before or after the reading. */
function expectSessions(seen: Seen, summary: string): void {
  const leaked = /leaks (\d+) sessions? idle in transaction, the longest for (\S+?):/.exec(summary);
  const blocker =
    /\((\d+)\), .* (\d+) sessions? (?:waits? for it, the longest for|ha(?:s|ve) waited) (\S+)(?: for it)?$/.exec(
      summary,
    );
  const running = /has run (?:\S+ statements?|a \w+) for over (\S+)/.exec(summary);
  const [before, after] = ([2, 3] as const).map(time => rowsAt(seen, 'backends', time)) as [Row[], Row[]];
  const waits = rowsAt(seen, 'lock_waits', 3);
  if (leaked !== null) {
    const blockers = new Set(waits.flatMap(({blocked_by}) => blocked_by as number[]));
    const isLeak = (row: Row) =>
      /^idle in transaction/.test(String(row.state)) &&
      !blockers.has(Number(row.pid)) &&
      Number(row.state_age_ms) >= thresholds.longest_idle_in_transaction_ms.warning;
    expect(Number(leaked[1]), summary).toBeGreaterThanOrEqual(before.filter(isLeak).length);
    expect(Number(leaked[1]), summary).toBeLessThanOrEqual(after.filter(isLeak).length);
  } else if (blocker !== null) {
    const [, pid, count, longest = ''] = blocker;
    const own = behind(Number(pid), waits);
    expect(Number(count), summary).toBe(own.length);
    const oldest_ms = Math.max(...own.map(({wait_age_ms}) => Number(wait_age_ms)));
    expect(parseDurationMs(longest) ?? 0, summary).toBeLessThanOrEqual(oldest_ms);
  } else {
    expect(running, `a finding without SQL: ${summary}`).not.toBeNull();
    const over_ms = parseDurationMs(running?.[1] ?? '') ?? 0;
    expect(
      after.some(row => row.state === 'active' && Number(row.query_age_ms) >= over_ms),
      summary,
    ).toBe(true);
  }
}

/** Those that wait for it, and for those in turn. */
function behind(pid: number, waits: readonly Row[]): Row[] {
  const found = new Set([pid]);
  for (let size = 0; size < found.size; ) {
    size = found.size;
    for (const wait of waits)
      if ((wait.blocked_by as number[]).some(each => found.has(each))) found.add(Number(wait.pid));
  }
  return waits.filter(wait => wait.pid !== pid && found.has(Number(wait.pid)));
}
