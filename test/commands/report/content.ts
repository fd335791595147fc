import type {ReportScope} from '../../../source/commands/report/report.ts';
import {createClock} from '../../../source/core/text/clock.ts';
import type {JournalEntry, JournalEvent} from '../../../source/model/journal-entry.ts';
import type {Recording} from '../../../source/model/ports.ts';
import type {Recipe} from '../../../source/model/recipe.ts';
import {createFinding, createRecipe, createStep} from '../../console/played.ts';
import {changingSnapshots} from '../../recording/changing-snapshots.ts';

/** Without lock waits: the only finding is the recipe's. */
export const snapshots = changingSnapshots(30).map(snapshot => ({
  ...snapshot,
  lock_waits: [],
  backends: snapshot.backends.map(backend => ({...backend, blocked_by: [], wait_event_type: null})),
}));

export const from_ms = Date.parse(snapshots[0]?.at ?? '');

const to_ms = Date.parse(snapshots.at(-1)?.at ?? '');

const target = 'db.example:5432/shop';

export const recording: Recording = {
  times: () => snapshots.map(({at}) => ({at_ms: Date.parse(at), severity: null})),
  outages: () => [{at_ms: from_ms + 5000, until_ms: from_ms + 10_000, message: 'the server went away'}],
  read: async (from, to) => snapshots.slice(from, to + 1),
};

export const scope: ReportScope = {target, from_ms, to_ms, run: null};

/** Has a finding in the tenth to the twentieth snapshot. */
export const recipe: Recipe = {
  ...createRecipe(),
  diagnose: ({at}) => {
    const index = (Date.parse(at) - from_ms) / 2000;
    return index >= 10 && index <= 20 ? [createFinding({severity: 'critical', summary: hostile})] : [];
  },
};

/** Breaks out of code, tables and tags, mentions a user, moves the cursor, and has a password. */
export const hostile = '``` | <script>alert(1)</script> @everyone \u001b[2J postgres://u:s3cret@h/db';

const content = createStep(4711, {
  title: `terminate 4711 ${hostile}`,
  apply: {text: 'SELECT pg_terminate_backend($1)\n-- ```', values: [4711]},
});

export const undoable = createStep(4712, {
  title: 'limit the role',
  apply: {text: 'ALTER ROLE app CONNECTION LIMIT 5', values: []},
  undo: {apply: {text: 'ALTER ROLE app CONNECTION LIMIT -1', values: []}, verify: content.verify},
});

export function entriesOf(
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

export const opening = {
  event: 'run',
  recipe: 'kill-idle-sessions',
  plan: 'abc',
  params: {older_than: '30s', role: ''},
  step_count: 2,
  before: {used: 54},
} satisfies JournalEvent;

export const verified = {
  event: 'outcome',
  step: 0,
  outcome: 'verified',
  row_count: 1,
  sqlstate: null,
  message: null,
  duration_ms: 12,
} as const;

export const entries = [
  ...entriesOf('r1', [
    opening,
    {event: 'intent', step: 0, content},
    {...verified, measures: [{name: 'sessions', before: '10', after: '9'}]},
    {event: 'intent', step: 1, content: undoable},
  ]),
  ...entriesOf('r2', [opening], {target: 'elsewhere:5432/shop'}),
];

export const clockIn = (period: {from_ms: number; to_ms: number}, time_zone: string) =>
  createClock({...period, time_zone});

export const clock = clockIn({from_ms, to_ms}, 'UTC');
