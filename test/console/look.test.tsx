import {createElement} from 'react';
import {expect, it} from 'vitest';
import {createStore} from 'zustand/vanilla';
import {recipes} from '../../recipes/index.ts';
import {App} from '../../source/console/app.tsx';
import {createTheme} from '../../source/console/screen/theme.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {createRunState} from '../../source/core/engine/run-state.ts';
import {noDiagnosisData, withFacts} from '../../source/core/recipe/diagnose.ts';
import {serverRows} from '../../source/core/server/topics/index.ts';
import type {RecordedSnapshot} from '../../source/model/ports.ts';
import type {RunStep, StepResult} from '../../source/model/run.ts';
import {openRecording} from '../../source/recording/recording.ts';
import {gridToHtml} from '../helpers/grid-html.ts';
import {exampleServer} from '../helpers/identity.ts';
import {createPooler} from '../helpers/pooler.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {recordingOf} from '../incidents/recordings.ts';
import {poolReadings, scanResult, serverReading} from './example-readings.ts';
import {createRecipe, open, play, press, read} from './played.ts';
import {renderElement} from './rendered.tsx';

const incident = {
  max_connections: 60,
  backends: [
    ...Array.from({length: 38}, (_, index) =>
      createBackend({
        pid: 5000 + index,
        state: 'idle in transaction',
        application_name: 'import',
        xact_age_ms: 90_000 + index * 1000,
        state_age_ms: 80_000 + index * 1000,
        query: 'UPDATE students SET level = $1 WHERE id = $2',
      }),
    ),
    createBackend({
      pid: 6000,
      state: 'active',
      wait_event_type: 'Lock',
      wait_event: 'transactionid',
      blocked_by: [5000],
      query: 'UPDATE students SET score = $1 WHERE id = $2',
    }),
  ],
  lock_waits: [
    {
      pid: 6000,
      blocked_by: [5000],
      locktype: 'transactionid',
      mode: 'ShareLock',
      relation: null,
      wait_age_ms: 12_000,
    },
  ],
  statements: [
    createStatement({query: 'SELECT * FROM students WHERE school_id = $1 ORDER BY name'}),
    createStatement({queryid: '2', query: 'UPDATE students SET level = $1 WHERE id = $2'}),
  ],
};

type Size = [columns: number, rows: number];

/** Each element of the console, in a state that shows it; new views use these elements. */
const elements: Record<string, (size: Size) => ConsoleState> = {
  'waiting screen': size => open(...size),
  'gauge, charts, list of findings, groups': size => watching(size),
  'table with its selected row and a tagged one': size => press(watching(size), '2', 'g', 'space', 'j'),
  'filter being typed': size => press(watching(size), '2', '/', 'w', 'e', 'b'),
  'tree of locks': size => press(watching(size), '4', 'g'),
  'empty table': size => press(press(watching(size), '2', '/', 'x', 'x', 'x'), 'enter'),
  'detail of a session': size => press(watching(size), '2', 'g', 'enter'),
  'list of recipes': size => press(watching(size), '5', 'g'),
  'form of a recipe': size => loaded(press(watching(size), '2', 'g', 'r', 'enter')),
  'preview of a plan': size => press(toPreview(size), 'enter'),
  confirmation: size => press(toPreview(size), 'enter', 'enter', 'y', 'e'),
  'progress of a run': size => running(size),
  notice: size => loaded(press(watching(size), '2', 'C')),
  'stale reading': size =>
    play(watching(size), {kind: 'lost', message: 'connection refused', hint: null, retry_in_ms: 4000}).state,
  help: size => press(watching(size), '?'),
  'server marked production': size =>
    play(open(...size, {recipes, isProduction: true}), read(createSnapshot(incident))).state,
  'load over time, and a table of it (Waits)': size => press(recorded(hotRow, size), '9'),
  'what changed (Changes)': size => press(recorded(deploy, size), '7'),
  'pools of applications, and of PgBouncer below (Pools)': size => press(pooling(size), '8', 'g'),
  'detail of a pool of PgBouncer': size => press(pooling(size), '8', 'G', 'k', 'enter'),
  'lines with their verdicts (Server)': size => serverView(size),
  'detail of a line (Server)': size => press(serverView(size), '/', ...'slot cdc', 'enter', 'enter'),
  'endpoints of a source (Scan)': size => scanned(size),
  'detail of an endpoint (Scan)': size => press(scanned(size), 'enter'),
  'a row in full': size => press(recorded(hotRow, size), '9', 's', 'o'),
};

/** Readings of a story that tests assess (test/incidents). */
async function readingsOf(story: string): Promise<RecordedSnapshot[]> {
  const {recording} = await openRecording(recordingOf(story));
  return recording.read(0, recording.times().length - 1);
}

const hotRow = await readingsOf('hot-row');
const deploy = await readingsOf('deploy-overlap');

/** After all of these readings; played once, whatever the size. */
function recorded(readings: RecordedSnapshot[], [columns, rows]: Size): ConsoleState {
  const known =
    played.get(readings) ?? play(open(160, 50, {recipes}), ...readings.map(each => read(each))).state;
  played.set(readings, known);
  return {...known, columns, rows};
}

const played = new Map<RecordedSnapshot[], ConsoleState>();

/** Pools one of which is full, before a PgBouncer whose pool is full, too. */
function pooling(size: Size): ConsoleState {
  const facts = {pooler: {pooler: createPooler(), problem: null}};
  const diagnosisData = withFacts(noDiagnosisData, {facts, unread: []});
  const [first, ...others] = poolReadings();
  if (first === undefined) throw new Error('no snapshot');
  const at_ms = Date.parse('2026-01-01T00:02:10Z');
  return play(open(...size, {recipes}), first, {kind: 'diagnosis-data', at_ms, diagnosisData}, ...others)
    .state;
}

function serverView(size: Size): ConsoleState {
  const last = hotRow.at(-1);
  if (last === undefined) throw new Error('no snapshot');
  const server = {...last.facts, ...serverReading};
  const opened = press(play(open(...size, {recipes}), read({...last, server})).state, '0');
  return play(opened, {kind: 'server-rows', serverRows}).state;
}

function scanned(size: Size): ConsoleState {
  const scan = {directory: '/srv/shop', result: null, problem: null};
  const opened = press(play(open(...size, {recipes, scan}), read(createSnapshot())).state, 'A');
  return play(opened, {kind: 'scanned', result: scanResult}).state;
}

/** After a minute of readings, in which sessions have piled up. */
function watching(size: Size): ConsoleState {
  const readings = Array.from({length: 30}, (_, index) => {
    const at = new Date(Date.UTC(2026, 0, 1, 0, 0, 2 * index)).toISOString();
    return read(createSnapshot({...incident, at, backends: incident.backends.slice(29 - index)}));
  });
  return play(open(...size, {recipes}), ...readings).state;
}

/** With what its wizard waits for. */
function loaded(state: ConsoleState): ConsoleState {
  const dataRequest = state.wizard?.dataRequest;
  if (!dataRequest) throw new Error('the wizard waits for no data');
  return play(state, {kind: 'data-loaded', dataRequest, facts: {}}).state;
}

/** At the evidence of a recipe that ends eight sessions. */
function toPreview(size: Size): ConsoleState {
  const examples = [createRecipe({steps: 8})];
  return press(
    play(open(...size, {recipes: examples}), read(createSnapshot(incident))).state,
    '5',
    'g',
    'enter',
  );
}

const verified: StepResult = {
  outcome: 'verified',
  row_count: 1,
  sqlstate: null,
  message: null,
  duration_ms: 12,
};

function running(size: Size): ConsoleState {
  const state = press(toPreview(size), 'enter', 'enter', 'y', 'e', 's', 'enter');
  const plan = state.wizard?.plan;
  if (!plan) throw new Error('the example recipe has no plan');
  const run = createRunState(plan, {run: 'b4d2a18d', target: 't', server: exampleServer, plan_hash: 'h'});
  const steps = run.steps.map((step, index): RunStep => {
    if (index < 3) return {...step, status: 'ended', result: verified};
    return index === 3 ? {...step, status: 'acting'} : step;
  });
  return play(state, {kind: 'run', run: {...run, phase: 'acting', current: 3, steps}}).state;
}

const sizes: Size[] = [
  [80, 24],
  [160, 50],
];
const themes = {
  colour: createTheme({LANG: 'C.UTF-8', TERM: 'xterm-256color'}),
  NO_COLOR: createTheme({LANG: 'C.UTF-8', NO_COLOR: '1'}),
  ASCII: createTheme({POOLCTL_ASCII: '1', TERM: 'xterm-256color'}),
};

it('is as docs/look.html shows it', async () => {
  const sections = Object.entries(elements).flatMap(([title, stateOf]) =>
    sizes.flatMap(size => {
      const [columns, rows] = size;
      const store = createStore(() => stateOf(size));
      return Object.entries(themes).map(([name, theme]) => {
        const {grid} = renderElement(createElement(App, {store, theme}), {columns, rows, theme});
        return `<h2>${title}: ${columns}x${rows}, ${name}</h2>\n${gridToHtml(grid)}`;
      });
    }),
  );
  await expect(`${head}${sections.join('\n')}\n`).toMatchFileSnapshot('../../docs/look.html');
});

const head = `<!doctype html>
<meta charset="utf-8">
<title>poolctl: how the console looks</title>
<style>
body { background: #111; color: #ccc; font: 14px sans-serif; margin: 2em }
pre { background: #000; border: 1px solid #333; font: 13px/1.2 monospace; padding: 0.5em; width: fit-content }
i { font-style: normal }
.bold { font-weight: bold } .dim { opacity: 0.6 } .underline { text-decoration: underline }
.reverse { background: #ccc; color: #000 }
.colour-28 { color: #008700 } .colour-30 { color: #008787 } .colour-130 { color: #af5f00 }
.colour-133 { color: #af5faf } .colour-196 { color: #f00 }
</style>
<h1>How the console looks</h1>
<p>Each element of the console, drawn by its test (<code>test/console/look.test.tsx</code>); <code>npx vitest run -u
test/console/look.test.tsx</code> draws this page again. New views use these elements.</p>
`;
