import {describe, expect, it} from 'vitest';
import {recipes as builtIn} from '../../../recipes/index.ts';
import {markdownCharts} from '../../../source/commands/report/markdown-charts.ts';
import {htmlOf} from '../../../source/commands/report/render-html.ts';
import {reportDocument} from '../../../source/commands/report/render-json.ts';
import {markdownOf} from '../../../source/commands/report/render-markdown.ts';
import {createReport} from '../../../source/commands/report/report.ts';
import {utcClock} from '../../../source/core/text/clock.ts';
import type {Recording} from '../../../source/model/ports.ts';
import type {Snapshot} from '../../../source/model/snapshot.ts';
import {openRecording} from '../../../source/recording/recording.ts';
import {activeMarkdown} from '../../helpers/active-markdown.ts';
import {recordingOf} from '../../incidents/recordings.ts';
import {clockIn, from_ms, scope, snapshots} from './content.ts';

describe('of a recorded incident', () => {
  const reportOf = async (name: string) => {
    const {recording: opened, target: on} = await openRecording(recordingOf(name));
    const times = opened.times();
    const period = {from_ms: times[0]?.at_ms ?? 0, to_ms: times.at(-1)?.at_ms ?? 0};
    return createReport(
      {recording: opened, entries: [], recipes: builtIn, underWay: new Map()},
      {target: on, run: null, ...period},
    );
  };

  it('names who held the locks, with the longest wait, its lock and its statement', async () => {
    const report = await reportOf('lock-queue');
    expect(report.holders).toMatchObject([
      {application_name: 'nightly-report', waiting: 22, objects: ['relation public.orders'], state: 'active'},
    ]);
    const text = markdownOf(report, clockIn(report, 'UTC'));
    expect(text).toMatch(
      /\| 03:12:04Z \| 03:12:35Z \| 22 sessions \| 30s \| `\d+ nightly-report\/reporting` \| active \| 30s \| `relation public.orders` \| `SELECT/,
    );
    expect(activeMarkdown(text)).toEqual([]);
  });

  it('says what the busy sessions waited for, as Markdown and HTML', async () => {
    const report = await reportOf('lock-queue');
    expect(report.load?.classes[0]).toMatchObject({class: 'Lock'});
    const text = markdownOf(report, utcClock);
    expect(text).toMatch(
      /## Load\n\n\d+\.\d busy sessions on average of 42 snapshots: Lock \d+\.\d+ \(\d+%\), other [^\n]+\.\n\n\| by \|/,
    );
    expect(text).toMatch(/\| event \| [\d.]+ \| \d+% \| `Lock:relation` \| Lock [\d.]+ \|/);
    expect(text).toMatch(/\| object \| [\d.]+ \| \d+% \| `relation public.orders` \|/);
    expect(htmlOf(report, utcClock)).toContain('<td>Lock:relation</td>');
  });

  it('has the sessions of one pool that took turns at a row in one line', async () => {
    const report = await reportOf('hot-row');
    expect(report.holders.length).toBeGreaterThan(10);
    const rows = markdownOf(report, utcClock)
      .split('\n')
      .filter(line => /`\d+ sessions of events-api/.test(line) && line.includes('row of'));
    expect(rows).toHaveLength(2);
    expect(rows[0]).toContain('`row of public.usage_counters`');
  });

  it('has the statements between its first and last counters', async () => {
    const report = await reportOf('foreign-key');
    const {recording: opened} = await openRecording(recordingOf('foreign-key'));
    const [[first], [last]] = [await opened.read(0, 0), await opened.read(opened.times().length - 1, 1e6)];
    const {statement, figures} = report.statements?.rows[0] ?? {};
    const callsIn = (snapshot: Snapshot | undefined) =>
      snapshot?.statements.find(({queryid}) => queryid === statement?.queryid)?.calls ?? 0;
    expect(statement?.query).toMatch(/^UPDATE "contacts"/);
    expect(figures?.calls).toBe(callsIn(last) - callsIn(first));
    const text = markdownOf(report, clockIn(report, 'Europe/Berlin'));
    expect(text).toMatch(
      /## Statements\n\n\d\d:\d\d:\d\dZ \(\d\d:\d\d:\d\d\+01:00\) to \d\d:\d\d:\d\dZ \(\d\d:\d\d:\d\d\+01:00\), \d+s\.\n/,
    );
  });

  it('has no time without its zone, as Markdown and HTML', async () => {
    const report = await reportOf('idle-blocker');
    for (const zone of ['UTC', 'America/New_York'])
      for (const text of [markdownOf(report, clockIn(report, zone)), htmlOf(report, clockIn(report, zone))])
        expect(text.match(/\b\d\d:\d\d:\d\d(?!Z|[-+]\d\d:\d\d)/g)).toBeNull();
  });

  it('prints the same as JSON', async () => {
    const report = await reportOf('lock-queue');
    expect(reportDocument(report)).toMatchObject({
      schema_version: 1,
      snapshots: 42,
      findings: [{recipe: 'release-blockers', severity: 'critical', is_open: false}],
      load: {readings: 42, classes: [{class: 'Lock'}, {class: 'other'}, {class: 'CPU'}]},
      lock_holders: [{application_name: 'nightly-report', waiting: 22}],
      statements: {reset_at: null, rows: [{share_is: 'exact'}, {}, {calls: 1}]},
      not_observed: [],
      runs: [],
    });
  });
});

describe('a time without readings', () => {
  it('is not observed: before, within and after a recording, and where the connection was lost', async () => {
    const minute = (count: number) => from_ms + count * 60_000;
    const kept = [10, 11, 12, 30, 31].map(each => ({at_ms: minute(each), severity: null}));
    const sparse: Recording = {
      times: () => kept,
      outages: () => [{at_ms: minute(31) + 1, until_ms: null, message: 'connection refused'}],
      read: async place => [
        {...(snapshots[0] as (typeof snapshots)[0]), at: new Date(kept[place]?.at_ms ?? 0).toISOString()},
      ],
    };
    const report = await createReport(
      {recording: sparse, entries: [], recipes: [], underWay: new Map()},
      {...scope, to_ms: minute(40)},
    );
    expect(report.gaps.map(gap => [gap.from_ms, gap.to_ms, gap.reason])).toEqual([
      [minute(0), minute(10), 'no snapshot'],
      [minute(12), minute(30), 'no snapshot'],
      [minute(31) + 1, minute(40), 'connection refused'],
    ]);
    const [, , , , , axis = ''] = markdownCharts(report, utcClock).slice(1);
    expect(axis.slice(axis.indexOf('└') + 1).replaceAll(/ +/g, ' ')).toMatch(/^ ─+ ─+$/);
  });
});
