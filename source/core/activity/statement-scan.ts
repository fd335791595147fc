/** Entries of pg_stat_statements that are read in full and listed. Where there are more, `chooseStatements` chooses. */
export const mostListed = 200;

/** What a scan has of each entry of pg_stat_statements, by its key (`statementKey`). */
export type StatementScan = Map<string, Scanned>;

export type Scanned = {calls: number; total_exec_time_ms: number; rows: number};

/** Adds lines of `key calls total_exec_time rows` to a scan. */
export function addScanned(scan: StatementScan, lines: string): void {
  for (const line of lines.split('\n')) {
    const [key, calls, total_exec_time_ms, rows] = line.split(' ');
    if (key !== undefined && key !== '')
      scan.set(key, {
        calls: Number(calls),
        total_exec_time_ms: Number(total_exec_time_ms),
        rows: Number(rows),
      });
  }
}

/** About this many characters are parsed at a time: some milliseconds. */
const partLength = 100_000;

/** The parts of a long text, cut at the ends of lines. */
export function* partsOf(lines: string): Generator<string> {
  for (let from = 0; from < lines.length; ) {
    const end = lines.indexOf('\n', from + partLength);
    const to = end === -1 ? lines.length : end;
    yield lines.slice(from, to);
    from = to + 1;
  }
}

/** Whether an entry was reset or evicted since, and counts from zero. */
export function hasFallen(earlier: Scanned, later: Scanned): boolean {
  return (
    later.calls < earlier.calls ||
    later.rows < earlier.rows ||
    // Sums of floats are shown with fewer digits than stored.
    later.total_exec_time_ms < earlier.total_exec_time_ms * (1 - 1e-9)
  );
}

/**
 * What was counted between two scans, of the statements that were called; one that counts from zero (`hasFallen`) is left
 * out. null without an earlier scan.
 */
export function scanGrowth(before: StatementScan | null, scan: StatementScan): StatementScan | null {
  if (before === null) return null;
  const growth: StatementScan = new Map();
  for (const [key, scanned] of scan) {
    const earlier = before.get(key);
    const {calls, total_exec_time_ms, rows} = scanned;
    if (earlier === undefined) growth.set(key, scanned);
    else if (calls > earlier.calls && !hasFallen(earlier, scanned))
      growth.set(key, {
        calls: calls - earlier.calls,
        total_exec_time_ms: Math.max(0, total_exec_time_ms - earlier.total_exec_time_ms),
        rows: rows - earlier.rows,
      });
  }
  return growth;
}

/** Of `most` statements, those that took most time since the last scan, those called most, and the slowest. */
const shares = {time: 0.5, calls: 0.2, mean: 0.1};

/**
 * The keys of the statements to list, at most `most`: the busiest and the slowest between two scans, then those with most
 * execution time since the statistics were reset. A statement that became busy a moment ago is far down a list of sums over
 * months.
 */
export function chooseStatements(scan: StatementScan, growth: StatementScan | null, most: number): string[] {
  const mean = ({calls, total_exec_time_ms}: Scanned) => (calls === 0 ? 0 : total_exec_time_ms / calls);
  const time = ({total_exec_time_ms}: Scanned) => total_exec_time_ms;
  const recent = growth ?? new Map();
  const chosen = new Set([
    ...top(recent, Math.floor(most * shares.time), time),
    ...top(recent, Math.floor(most * shares.calls), ({calls}) => calls),
    ...top(growth ?? scan, Math.floor(most * shares.mean), mean),
  ]);
  for (const key of top(scan, most, time)) {
    if (chosen.size >= most) break;
    chosen.add(key);
  }
  return [...chosen];
}

/** The keys with the `count` highest scores above 0, the highest first. Sorts only what may be among them. */
function top(scan: StatementScan, count: number, score: (scanned: Scanned) => number): string[] {
  let best: {key: string; value: number}[] = [];
  let least = 0;
  const keepBest = () => {
    best = best.sort((a, b) => b.value - a.value).slice(0, count);
    if (best.length === count) least = best.at(-1)?.value ?? 0;
  };
  for (const [key, scanned] of scan) {
    const value = score(scanned);
    if (value <= least) continue;
    best.push({key, value});
    if (best.length >= 4 * count) keepBest();
  }
  keepBest();
  return best.map(({key}) => key);
}
