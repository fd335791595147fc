/** Every statement in two numbers, by queryid: enough to see which have become busy. */
export type StatementScan = Map<string, {calls: number; total_exec_time_ms: number}>;

/** Reads `queryid calls total_exec_time` triples; entries of one queryid (several roles, databases) are added up. */
export function parseScan(triples: string): StatementScan {
  const scan: StatementScan = new Map();
  const words = triples === '' ? [] : triples.split(' ');
  for (let index = 0; index + 2 < words.length; index += 3) {
    const queryid = words[index] ?? '';
    const calls = Number(words[index + 1]);
    const total_exec_time_ms = Number(words[index + 2]);
    const known = scan.get(queryid);
    if (known === undefined) scan.set(queryid, {calls, total_exec_time_ms});
    else {
      known.calls += calls;
      known.total_exec_time_ms += total_exec_time_ms;
    }
  }
  return scan;
}

/**
 * The queryids to read beside those with most execution time in all: the ones that cost most or were called most
 * since the scan before, and the slowest on average. A statement that an incident made busy a minute ago is far
 * down a list that sums up months.
 */
export function chooseWatched(previous: StatementScan | null, scan: StatementScan): string[] {
  const rows = [...scan].map(([queryid, {calls, total_exec_time_ms}]) => {
    const before = previous?.get(queryid);
    return {
      queryid,
      execMs: previous === null ? 0 : total_exec_time_ms - (before?.total_exec_time_ms ?? 0),
      calls: previous === null ? 0 : calls - (before?.calls ?? 0),
      meanMs: calls === 0 ? 0 : total_exec_time_ms / calls,
    };
  });
  const top = (count: number, read: (row: (typeof rows)[number]) => number) =>
    rows
      .filter(row => read(row) > 0)
      .sort((a, b) => read(b) - read(a))
      .slice(0, count)
      .map(({queryid}) => queryid);
  return [
    ...new Set([...top(40, row => row.execMs), ...top(20, row => row.calls), ...top(20, row => row.meanMs)]),
  ];
}
