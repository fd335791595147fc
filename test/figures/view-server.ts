import {expect} from 'vitest';
import {serverColumns, serverViewRows} from '../../source/console/rows/server.ts';
import {utcClock} from '../../source/core/text/clock.ts';
import {formatAge, formatBytes, formatCount, formatRatio, formatSpan} from '../../source/core/text/format.ts';
import type {ServerState} from '../../source/model/server-state.ts';
import {rowsOf} from '../console/played.ts';
import {rowsAt, type Seen} from './seen.ts';

/** Their figures are not the server's SQL alone: test/postgres/server-verdicts.test.ts, test/postgres/facts/. */
const ofOtherTests: readonly string[] = ['I/O', 'host', 'errors'];

/** Each figure of a line is one that the document has for its topic, which has been compared with SQL, in the form that it is written in. */
export function expectServer(seen: Seen): void {
  const {state, document} = seen;
  const screen = rowsOf(state);
  const at = screen.findIndex(row => /TOPIC +VERDICT +WHAT/.test(row));
  const [topic, verdict] = serverColumns.map(({width}) => width) as [number, number];
  const lines = screen.slice(at + 1, at + 1 + serverViewRows(state).length).map(row => ({
    topic: row.slice(2, 2 + topic).trim(),
    verdict: row.slice(3 + topic, 3 + topic + verdict).trim(),
    text: row.slice(4 + topic + verdict).trim(),
  }));
  expect(lines.length, screen.join('\n')).toBeGreaterThan(10);
  const known = figuresOf(document.server as ServerState, seen);
  for (const line of lines.filter(each => !ofOtherTests.includes(each.topic))) {
    const figures = line.text.match(/(?<![\w-])\d[\w.%:/-]*/g) ?? [];
    const unknown = figures.filter(
      figure => !known[line.topic]?.includes(figure.replace(/[.,:;)]+$/, '').replace(/\/s$/, '')),
    );
    expect(unknown, `${JSON.stringify(line)} of ${known[line.topic]?.join(' ')}`).toEqual([]);
  }
}

/** By topic. */
function figuresOf(
  {maintenance, write_state, wal, autovacuum, replication}: ServerState,
  seen: Seen,
): {[topic: string]: string[]} {
  const bytes = (...values: (number | null | undefined)[]) =>
    values.flatMap(value => (value == null ? [] : formatBytes(value)));
  const counts = (...values: number[]) => values.flatMap(value => [String(value), formatCount(value)]);
  const {rates, checkpoints, directory, settings} = wal ?? {};
  const since = write_state?.ids?.since ?? null;
  const left = [write_state?.xids_left ?? 0, write_state?.multixacts_left ?? 0];
  const perSecond = [
    rates?.xids_per_second ?? 0,
    rates?.multixacts_per_second ?? 0,
    ...(since === null ? [] : [since.xids, since.multixacts].map(each => (each * 1000) / since.interval_ms)),
  ];
  const days = left.flatMap(ids => perSecond.map(rate => ids / rate / 86_400));
  return {
    horizon: [
      ...(maintenance?.xmin_holders ?? []).flatMap(({name, xmin_age, age_ms}) => [
        name,
        ...counts(xmin_age),
        formatAge(age_ms),
      ]),
      ...(maintenance?.tables ?? []).flatMap(({dead_rows}) => counts(dead_rows)),
    ],
    wraparound: [
      ...counts(...left, ...perSecond),
      ...days.flatMap(each => [formatCount(Math.floor(each)), String(Math.floor(each * 24))]),
      ...[rates?.interval_ms, since?.interval_ms].map(each => formatSpan(each ?? null)),
    ],
    autovacuum: [
      ...counts(autovacuum?.workers?.length ?? 0, autovacuum?.max_workers ?? 0),
      ...(autovacuum?.due ?? []).flatMap(({dead_rows, vacuum_threshold, due_ms}) => [
        ...counts(dead_rows, vacuum_threshold),
        formatSpan(due_ms),
      ]),
    ],
    replication: bytes(...(replication?.slots ?? []).map(slot => slot.retained_bytes)),
    WAL: bytes(directory?.bytes, rates?.written_bytes_per_second, settings?.max_wal_size_bytes),
    checkpoints: [
      ...counts(checkpoints?.requested ?? 0, (checkpoints?.timed ?? 0) + (checkpoints?.requested ?? 0)),
      ...(checkpoints?.stats_reset ? utcClock(checkpoints.stats_reset).split(' ') : []),
    ],
    progress: rowsAt(seen, 'view.progress', 3).flatMap(({done_ratio, blocked_by}) => [
      formatRatio(Number(done_ratio), 0),
      ...(blocked_by as number[]).map(String),
    ]),
    sequences: [],
  };
}
