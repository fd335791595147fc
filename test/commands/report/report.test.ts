import {describe, expect, it} from 'vitest';
import {recipes as builtIn} from '../../../recipes/index.ts';
import {markdownCharts} from '../../../source/commands/report/markdown-charts.ts';
import {htmlOf} from '../../../source/commands/report/render-html.ts';
import {reportDocument} from '../../../source/commands/report/render-json.ts';
import {markdownOf} from '../../../source/commands/report/render-markdown.ts';
import {createReport, type ReportScope} from '../../../source/commands/report/report.ts';
import {findRun, planUndo} from '../../../source/core/engine/undo.ts';
import {createClock, utcClock} from '../../../source/core/text/clock.ts';
import type {JournalEntry, JournalEvent} from '../../../source/model/journal-entry.ts';
import type {Recording} from '../../../source/model/ports.ts';
import type {Recipe} from '../../../source/model/recipe.ts';
import type {Snapshot} from '../../../source/model/snapshot.ts';
import {openRecording} from '../../../source/recording/recording.ts';
import {createFinding, createRecipe, createStep} from '../../console/played.ts';
import {activeMarkdown, hostileNames} from '../../helpers/active-markdown.ts';
import {exampleServer} from '../../helpers/identity.ts';
import {recordingOf} from '../../incidents/recordings.ts';
import {changingSnapshots} from '../../recording/changing-snapshots.ts';

/** Without lock waits: the only finding is the recipe's. */
const snapshots = changingSnapshots(30).map(snapshot => ({
  ...snapshot,
  lock_waits: [],
  backends: snapshot.backends.map(backend => ({...backend, blocked_by: [], wait_event_type: null})),
}));
const from_ms = Date.parse(snapshots[0]?.at ?? '');
const to_ms = Date.parse(snapshots.at(-1)?.at ?? '');
const target = 'db.example:5432/shop';
const recording: Recording = {
  times: () => snapshots.map(({at}) => ({at_ms: Date.parse(at), severity: null})),
  outages: () => [{at_ms: from_ms + 5000, until_ms: from_ms + 10_000, message: 'the server went away'}],
  read: async (from, to) => snapshots.slice(from, to + 1),
};
const scope: ReportScope = {target, from_ms, to_ms, run: null};

/** Has a finding in the tenth to the twentieth snapshot. */
const recipe: Recipe = {
  ...createRecipe(),
  diagnose: ({at}) => {
    const index = (Date.parse(at) - from_ms) / 2000;
    return index >= 10 && index <= 20 ? [createFinding({severity: 'critical', summary: hostile})] : [];
  },
};

/** Breaks out of code, tables and tags, mentions a user, moves the cursor, and has a password. */
const hostile = '``` | <script>alert(1)</script> @everyone \u001b[2J postgres://u:s3cret@h/db';

const content = createStep(4711, {
  title: `end session 4711 ${hostile}`,
  apply: {text: 'SELECT pg_terminate_backend($1)\n-- ```', values: [4711]},
});
const undoable = createStep(4712, {
  title: 'limit the role',
  apply: {text: 'ALTER ROLE app CONNECTION LIMIT 5', values: []},
  undo: {apply: {text: 'ALTER ROLE app CONNECTION LIMIT -1', values: []}, verify: content.verify},
});

function entriesOf(
  run: string,
  events: JournalEvent[],
  overrides: Partial<JournalEntry> = {},
): JournalEntry[] {
  return events.map((event, index) => ({
    schema_version: 1,
    seq: index + 1,
    at: new Date(from_ms + 10_000 + index * 1000).toISOString(),
    hash: '',
    previous: '',
    actor: 'ann@bastion',
    target,
    run,
    ...event,
    ...(overrides as object),
  }));
}

const opening: JournalEvent = {
  event: 'run',
  recipe: 'kill-idle-sessions',
  plan: 'abc',
  params: {older_than: '30s', role: ''},
  step_count: 2,
  before: {used: 54},
};
const verified = {
  event: 'outcome',
  step: 0,
  outcome: 'verified',
  row_count: 1,
  sqlstate: null,
  message: null,
  duration_ms: 12,
} as const;
const entries = [
  ...entriesOf('r1', [
    opening,
    {event: 'intent', step: 0, content},
    {...verified, measures: [{name: 'sessions', before: '10', after: '9'}]},
    {event: 'intent', step: 1, content: undoable},
  ]),
  ...entriesOf('r2', [opening], {target: 'elsewhere:5432/shop'}),
];

const clockIn = (period: {from_ms: number; to_ms: number}, time_zone: string) =>
  createClock({...period, time_zone});
const clock = clockIn({from_ms, to_ms}, 'UTC');

describe('report', () => {
  it('has findings with their time, changes, and what is unfinished', async () => {
    const report = await createReport({recording, entries, recipes: [recipe], underWay: new Map()}, scope);
    expect(report.findings).toMatchObject([
      {first_ms: from_ms + 20_000, last_ms: from_ms + 40_000, snapshot_count: 11, isOpen: false},
    ]);
    expect(report.runs.map(({run}) => run.run)).toEqual(['r1']);
    expect(report.unfinished).toEqual([
      'run r1 step 2: unknown, verify: limit the role',
      'run r1: no recorded end',
    ]);
    expect(report.gaps).toMatchObject([{reason: 'the server went away', isOpen: false}]);
    expect(report.series[0]).toMatchObject({title: 'slots used', most: 100});
    expect(report.series[0]?.points).toHaveLength(30);
  });

  it("gives a finding's worst figure, not its last one", async () => {
    const leaking: Recipe = {
      ...createRecipe(),
      diagnose: ({at}) => {
        const index = (Date.parse(at) - from_ms) / 2000;
        const sessions = index === 15 ? 50 : 10;
        return [createFinding({summary: `${sessions} sessions leaked`, evidence: {sessions}})];
      },
    };
    const report = await createReport({recording, entries, recipes: [leaking], underWay: new Map()}, scope);
    expect(report.findings).toMatchObject([{summary: '50 sessions leaked', isOpen: true}]);
  });

  it('is limited to a period, or to a run and the runs that undid it', async () => {
    const early = await createReport(
      {recording, entries, recipes: [recipe], underWay: new Map()},
      {...scope, to_ms: from_ms + 8000},
    );
    expect(early).toMatchObject({snapshot_count: 5, findings: [], runs: []});
    const tried = entriesOf('r3', [{...opening, undoes: 'r1'}]);
    const undoing = entriesOf('r4', [
      {...opening, undoes: 'r1'},
      ...planUndo(findRun(entries, 'r1'), {server: exampleServer, acting_pid: null}).steps.map(
        (step): JournalEvent => ({event: 'intent', step: 0, content: step}),
      ),
      verified,
    ]);
    const one = await createReport(
      {recording: null, entries: [...entries, ...tried, ...undoing], recipes: [], underWay: new Map()},
      {...scope, run: 'r1'},
    );
    expect(one.runs.map(({run}) => run.run)).toEqual(['r1', 'r3', 'r4']);
    expect(one.runs[0]?.undone_by).toEqual(['r4']);
  });

  it('evaluates a limited number of snapshots, always including the last', async () => {
    const many = Array.from({length: 5001}, (_, index) => ({at_ms: from_ms + index, severity: null}));
    let read = 0;
    const long: Recording = {
      ...recording,
      times: () => many,
      read: async place => {
        read++;
        return [{...(snapshots[0] as (typeof snapshots)[0]), at: new Date(from_ms + place).toISOString()}];
      },
    };
    const report = await createReport(
      {recording: long, entries: [], recipes: [], underWay: new Map()},
      scope,
    );
    expect(report).toMatchObject({snapshot_count: 5001, stride: 3});
    expect(read).toBeLessThanOrEqual(2000);
    expect(report.series[0]?.points.at(-1)?.at_ms).toBe(from_ms + 5000);
  });
});

describe('as Markdown', () => {
  it('has each step with its actor, SQL, result and undo', async () => {
    const text = markdownOf(
      await createReport({recording, entries, recipes: [recipe], underWay: new Map()}, scope),
      clock,
    );
    expect(text).toContain('- run `r1` by `ann@bastion` on `db.example:5432/shop`, plan `abc`');
    expect(text).toContain('````sql\nSELECT pg_terminate_backend($1)\n-- ```\n-- $1 = 4711\n````');
    expect(text).toContain('`verified after 12.0ms, 1 row`');
    expect(text).toContain('- `sessions`: `10` before, `9` after');
    expect(text).toContain('Undo:\n\n```sql\nALTER ROLE app CONNECTION LIMIT -1\n```');
    expect(text).toContain('- before: `used 54`; after: `unknown`');
  });

  it.each(hostileNames)('escapes %j', async name => {
    const named = entries.map(entry => ({...entry, actor: name, ...('recipe' in entry && {recipe: name})}));
    const text = markdownOf(
      await createReport({recording, entries: named, recipes: [recipe], underWay: new Map()}, scope),
      clock,
    );
    expect(activeMarkdown(text)).toEqual([]);
  });

  it('puts texts from the server in code, and prints no secret', async () => {
    const text = markdownOf(
      await createReport({recording, entries, recipes: [recipe], underWay: new Map()}, scope),
      clock,
    );
    expect(text).not.toContain('s3cret');
    expect(text).not.toContain('\u001b');
    const row = text.split('\n').find(line => line.includes('<script>') && line.startsWith('|')) ?? '';
    expect(row).toContain('```` ``` \\| <script>');
    expect(row.replaceAll('\\|', '').match(/\|/g)).toHaveLength(7);
  });
});

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
      /## Load\n\n\d+\.\d busy sessions on average of 42 readings: Lock \d+\.\d+ \(\d+%\), other [^\n]+\.\n\n\| by \|/,
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

describe('steps of one statement', () => {
  const ended = (step: number, outcome: 'verified' | 'failed'): JournalEvent[] => [
    {event: 'intent', step, content: createStep(5000 + step)},
    {...verified, step, outcome, message: outcome === 'failed' ? 'permission denied' : null},
  ];
  const many = entriesOf('r5', [
    {...opening, step_count: 4},
    ...[0, 1, 2].flatMap(step => ended(step, step === 1 ? 'failed' : 'verified')),
    {event: 'intent', step: 3, content: undoable},
  ]);
  const reported = () =>
    createReport({recording: null, entries: many, recipes: [], underWay: new Map()}, scope);

  it('are folded: the statement once, each with its time and outcome; one that can be undone is alone', async () => {
    const text = markdownOf(await reported(), utcClock);
    expect(text).toContain(
      'steps 1 to 3, with one statement: 2 verified, 1 failed; `poolctl journal show r5`',
    );
    expect(text.match(/SELECT pg_catalog.pg_terminate_backend/g)).toHaveLength(1);
    expect(text).toMatch(/- \*\*2\.\*\* `end session 5001 .*` at 20\S+ \S+Z: `failed: permission denied/);
    expect(text).toContain('**4.** `limit the role`');
    const html = htmlOf(await reported(), utcClock);
    expect(html.match(/<details>/g)).toHaveLength(1);
    expect(html).toContain('$1 = 5002');
  });

  it('are all in the JSON, without secrets', async () => {
    const [run] = reportDocument(await reported()).runs;
    expect(run?.steps.map(({number, outcome}) => [number, outcome])).toEqual([
      [1, 'verified'],
      [2, 'failed'],
      [3, 'verified'],
      [4, 'unknown'],
    ]);
    expect(run?.steps[2]).toMatchObject({
      sql: expect.stringContaining('pg_terminate_backend'),
      values: [5002],
    });
    const whole = await createReport({recording, entries, recipes: [recipe], underWay: new Map()}, scope);
    expect(JSON.stringify(reportDocument(whole))).not.toContain('s3cret');
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
      [minute(0), minute(10), 'no reading'],
      [minute(12), minute(30), 'no reading'],
      [minute(31) + 1, minute(40), 'connection refused'],
    ]);
    const [, , , , , axis = ''] = markdownCharts(report, utcClock).slice(1);
    expect(axis.slice(axis.indexOf('└') + 1).replaceAll(/ +/g, ' ')).toMatch(/^ ─+ ─+$/);
  });
});

describe('a rollout in a report', () => {
  const stage = {event: 'stage', name: hostile, stage: 0} as const;
  const rollout = entriesOf('r9', [
    {event: 'rollout', name: 'web', plan: 'def', file: '/plan.yaml', stages: ['a']},
    {...stage, phase: 'promoting', detail: 'deploy PGPASSWORD=s3cret'},
    {...stage, phase: 'rolled back', detail: null},
  ]);

  it('has its actor, stages and end, beside the runs of its time and target', async () => {
    const report = await createReport(
      {recording, entries: [...entries, ...rollout], recipes: [], underWay: new Map()},
      scope,
    );
    expect(report.rollouts).toHaveLength(1);
    expect(report.unfinished).toContain('rollout r9 of web: no recorded end');
    for (const text of [markdownOf(report, clock), htmlOf(report, clock)]) {
      expect(text).toMatch(/rollout of .?web/);
      expect(text).toContain('rolled back');
      expect(text).not.toContain('s3cret');
      expect(text).not.toContain('\u001b');
    }
    expect(htmlOf(report, clock)).not.toContain('<script');
    const elsewhere = await createReport(
      {recording, entries: rollout, recipes: [], underWay: new Map()},
      {...scope, target: 'elsewhere:5432/shop'},
    );
    expect(elsewhere.rollouts).toEqual([]);
  });
});

describe('as HTML', () => {
  it('leaves gaps in its charts while the server was not observed', async () => {
    const html = htmlOf(
      await createReport({recording, entries, recipes: [], underWay: new Map()}, scope),
      clock,
    );
    expect(html.match(/<polyline/g)).toHaveLength(8);
    expect(html.match(/class="gap"/g)).toHaveLength(4);
  });

  it('is one file without scripts or external requests', async () => {
    const html = htmlOf(
      await createReport({recording, entries, recipes: [recipe], underWay: new Map()}, scope),
      clock,
    );
    expect(html).not.toMatch(/<script|src=|href=|url\(|@import/i);
    expect(html).toContain("default-src 'none'");
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html).not.toContain('s3cret');
    expect(html).not.toContain('\u001b');
  });

  it('draws a chart for each figure with its maximum, and a mark for each run', async () => {
    const html = htmlOf(
      await createReport({recording, entries, recipes: [recipe], underWay: new Map()}, scope),
      clock,
    );
    const charts = html.match(/<svg/g) ?? [];
    expect(charts).toHaveLength(4);
    // One more in the lane of the finding.
    expect(html.match(/class="act"/g)).toHaveLength(charts.length + 1);
    expect(html.match(/class="bar critical"/g)).toHaveLength(1);
    expect(html.match(/class="mark" style="left:[\d.]+%">1</g)).toHaveLength(1);
    expect(html.match(/class="limit"/g)).toHaveLength(1);
    expect(html).not.toContain('NaN');
  });
});
