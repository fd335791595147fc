import {describe, expect, it} from 'vitest';
import {htmlOf} from '../../../source/commands/report/render-html.ts';
import {reportDocument} from '../../../source/commands/report/render-json.ts';
import {markdownOf} from '../../../source/commands/report/render-markdown.ts';
import {createReport} from '../../../source/commands/report/report.ts';
import {findRun, planUndo} from '../../../source/core/engine/undo.ts';
import {utcClock} from '../../../source/core/text/clock.ts';
import type {JournalEvent} from '../../../source/model/journal-entry.ts';
import type {Recording} from '../../../source/model/ports.ts';
import type {Recipe} from '../../../source/model/recipe.ts';
import type {HostReading} from '../../../source/model/server-work.ts';
import {createFinding, createRecipe, createStep} from '../../console/played.ts';
import {activeMarkdown, hostileNames} from '../../helpers/active-markdown.ts';
import {exampleServer} from '../../helpers/identity.ts';
import {
  clock,
  entries,
  entriesOf,
  from_ms,
  hostile,
  opening,
  recipe,
  recording,
  scope,
  snapshots,
  undoable,
  verified,
} from './content.ts';

const host: Extract<HostReading, {kind: 'here'}> = {
  ...{kind: 'here', at_ms: 0, cores: 4, cpu: {total: 0, idle: 0, iowait: 0, steal: 0}, load: [0, 0, 0]},
  ...{memory: {total_bytes: 1000, available_bytes: 900, swap_used_bytes: 0}, disks: [], disks_unknown: null},
};

describe('report', () => {
  it('has findings with their time, changes, and what is unfinished', async () => {
    const report = await createReport({recording, entries, recipes: [recipe], underWay: new Map()}, scope);
    expect(report.findings).toMatchObject([
      {first_ms: from_ms + 20_000, last_ms: from_ms + 40_000, snapshot_count: 11, isOpen: false},
    ]);
    expect(report.runs.map(({run}) => run.run)).toEqual(['r1']);
    expect(report.unfinished).toEqual([
      'run r1 step 2: outcome unknown, check the server: limit the role',
      'run r1: no recorded end',
    ]);
    expect(report.gaps).toMatchObject([{reason: 'the server went away', isOpen: false}]);
    expect(report.series[0]).toMatchObject({title: 'slots used', most: 100});
    expect(report.series[0]?.points).toHaveLength(30);
  });

  it('has the lines of the Server view that were not ok: when, how long, the worst', async () => {
    const withServer = snapshots.map((snapshot, index) => {
      const isLow = index >= 5 && index <= 12;
      const free_bytes = isLow ? (index === 9 ? 30 : 80) : 500;
      const disk = {...{what: 'data directory' as const, path: '/data', size_bytes: 1000}, free_bytes};
      return {...snapshot, server: {host: {...host, disks: [disk]}}};
    });
    const read: Recording['read'] = async (from, to) => withServer.slice(from, to + 1);
    const report = await createReport(
      {recording: {...recording, read}, entries, recipes: [recipe], underWay: new Map()},
      scope,
    );
    expect(report.verdicts).toEqual([
      {
        ...{
          topic: 'host',
          verdict: 'critical',
          text: '30B of 1.0K free (3%) on the disk of the data directory',
        },
        ...{first_ms: from_ms + 10_000, last_ms: from_ms + 24_000, lasted_ms: 14_000, isOpen: false},
      },
    ]);
    expect(markdownOf(report, clock)).toMatch(
      /## Server\n\n\|.*\n\|.*\n\| .* \| 14s \| critical \| host \| `30B of 1.0K free \(3%\)/,
    );
    expect(htmlOf(report, clock)).toContain('<h2>Server</h2>');
    expect(reportDocument(report).server_verdicts).toMatchObject([{verdict: 'critical', lasted_ms: 14_000}]);
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
    expect(text).toMatch(/- \*\*2\.\*\* `terminate 5001 .*` at 20\S+ \S+Z: `failed: permission denied/);
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
