import {delimiter} from 'node:path';
import process from 'node:process';
import {parseArgs} from 'node:util';
import type {HealthyStory, Story} from '../../source/demo/stories/story.ts';
import {fetchServer, isInstalled, knownMajors, type Major, selectedMajors} from '../helpers/majors.ts';
import {describeMoment, innocentsOffered, isRight, type Moment} from '../incidents/moment.ts';
import {recordingOf, writeCure, writeRecording} from '../incidents/recordings.ts';
import {isIncident, loadStories} from '../incidents/stories.ts';
import {type WatchedStory, watchStory} from '../incidents/watch-story.ts';

/** How long a healthy server is watched. */
const healthy_s = 20;
/** How long a finding may be left after the cure. */
const quietWithin_s = 60;
/** What is recorded at least: of the harm, and of the time after it. */
const recorded_s = {harm: 30, quiet: 10};

const usage = `npm run bench:incidents -- [--only NAME,...] [--record]

Brings up each incident on a server of its own, assesses it once a second from the moment its harm is there, and cures it once
its cause is the first finding. Prints a row for each: how long that took, what stood first before, the innocent applications that
any reading offered to end, and how long after the cure no finding was left. A healthy server is watched for ${healthy_s} s and must have no finding.
Exits 1 if one of them is wrong. The table goes to stdout, progress to stderr. About a minute for each.

POOLCTL_TEST_MAJORS=13,14 selects other major versions than the newest one, as in npm run test:matrix.

--record also writes test/incidents/recordings/NAME.poolctl, which test/incidents/recordings.test.ts assesses: best done on a
machine that has nothing else to do.`;

const columns = [
  'incident',
  'right first finding after, s',
  'place when found',
  'first before',
  'innocents offered',
  'quiet after the cure, s',
  'result',
];

type Row = {
  name: string;
  /** Of the right first finding, since poolctl was opened; null if there was none. */
  right_s: number | null;
  /** The right finding's place when it was first among the findings. */
  place: number | null;
  before: string[];
  innocents: string[];
  quiet_s: number | null;
  isWrong: boolean;
};

const {values: flags} = parseArgs({
  options: {
    only: {type: 'string'},
    record: {type: 'boolean', default: false},
    help: {type: 'boolean', default: false},
  },
});
if (flags.help) process.stdout.write(`${usage}\n`);
else await main(flags.only?.split(',') ?? null);

async function main(only: string[] | null): Promise<void> {
  const stories = (await loadStories()).filter(({name}) => only === null || only.includes(name));
  let areRight = stories.length > 0;
  for (const major of await majorsToMeasure()) {
    process.stdout.write(`\nPostgreSQL ${major}\n\n`);
    process.stdout.write(`${tableLine(columns)}\n${tableLine(columns.map(() => '---'))}\n`);
    for (const story of stories.filter(({since = 13}) => since <= major)) {
      process.stderr.write(`${story.name}\n`);
      const row = await measure(story, major).catch(error => failedRow(story, error));
      process.stdout.write(`${tableLine(cellsOf(row))}\n`);
      areRight &&= !row.isWrong;
    }
  }
  process.exitCode = areRight ? 0 : 1;
}

async function majorsToMeasure(): Promise<Major[]> {
  const selected = selectedMajors();
  if (selected === null) return [await newestInstalled()];
  for (const major of selected) {
    if (await isInstalled(major)) continue;
    // Where poolctl finds it like an installed one.
    process.env.PATH = [process.env.PATH, await fetchServer(major)].join(delimiter);
  }
  return selected;
}

async function newestInstalled(): Promise<Major> {
  for (const major of knownMajors) if (await isInstalled(major)) return major;
  throw new Error('no server of PostgreSQL here');
}

async function measure(story: Story | HealthyStory, major: Major): Promise<Row> {
  const watched = await watchStory(story, {major});
  try {
    const row = isIncident(story)
      ? await measureIncident(story, watched)
      : await measureHealthy(story, watched);
    if (flags.record) await writeRecording(recordingOf(story.name), watched.moments);
    return row;
  } finally {
    await watched.end();
  }
}

/** A story that cannot be brought up does not end the others. */
function failedRow({name}: HealthyStory, error: unknown): Row {
  process.stderr.write(`${error}\n`);
  const none = {right_s: null, place: null, before: [], innocents: [], quiet_s: null};
  return {name, ...none, isWrong: true};
}

async function measureIncident(story: Story, watched: WatchedStory): Promise<Row> {
  const {stage, moments} = watched;
  const {innocents, first} = story;
  const right = await reached(watched, isRight(story), first.within_seconds);
  const seen = moments.find(moment => placeOf(story, moment) > 0);
  const before = new Set(moments.slice(0, right === null ? undefined : moments.indexOf(right)).map(firstOf));
  let quiet_s: number | null = null;
  if (right !== null) {
    if (flags.record) await atLeast(watched, recorded_s.harm);
    const begun_at = moments.at(-1)?.snapshot.at ?? '';
    const cured_s = moments.at(-1)?.seconds ?? 0;
    await story.cure(stage);
    const last = moments.length;
    const isQuiet = (moment: Moment) =>
      moments.indexOf(moment) >= last && moment.assessment.findings.length === 0;
    const quiet = await reached(watched, isQuiet, cured_s + quietWithin_s);
    quiet_s = quiet && quiet.seconds - cured_s;
    if (flags.record) {
      const done_at = moments[last]?.snapshot.at ?? begun_at;
      await writeCure(story.name, {begun_at, done_at});
      await atLeast(watched, (moments.at(-1)?.seconds ?? 0) + recorded_s.quiet);
    }
  }
  const offered = [...new Set(moments.flatMap(moment => innocentsOffered(moment, innocents)))];
  return {
    name: story.name,
    right_s: right?.seconds ?? null,
    place: seen ? placeOf(story, seen) : null,
    before: [...before].filter(text => text !== ''),
    innocents: offered,
    quiet_s,
    isWrong: right === null || quiet_s === null || offered.length > 0,
  };
}

async function atLeast(watched: WatchedStory, wanted_s: number): Promise<void> {
  await watched.next(({seconds}) => seconds >= wanted_s, wanted_s + 60);
}

async function measureHealthy({name}: HealthyStory, watched: WatchedStory): Promise<Row> {
  await atLeast(watched, healthy_s);
  const before = [...new Set(watched.moments.map(firstOf))].filter(text => text !== '');
  return {
    name: `${name} (healthy)`,
    right_s: null,
    place: null,
    before,
    innocents: [],
    quiet_s: null,
    isWrong: before.length > 0,
  };
}

/** The moment, or null with a message if it does not come in time. */
async function reached(
  watched: WatchedStory,
  isWanted: (moment: Moment) => boolean,
  within_seconds: number,
): Promise<Moment | null> {
  return watched.next(isWanted, within_seconds).catch(() => {
    const last = watched.moments.at(-1);
    if (last !== undefined) process.stderr.write(`${describeMoment(last)}\n`);
    return null;
  });
}

/** 1 for the first finding, 0 if the story's is not among them. */
function placeOf({first}: Story, {assessment: {findings}}: Moment): number {
  return 1 + findings.findIndex(({cause, summary}) => cause === first.cause && first.summary.test(summary));
}

function firstOf({assessment: {findings}}: Moment): string {
  const [finding] = findings;
  return finding === undefined ? '' : (finding.cause ?? finding.recipe);
}

function cellsOf(row: Row): string[] {
  const seconds = (value: number | null) => value?.toFixed(1) ?? '-';
  return [
    row.name,
    seconds(row.right_s),
    String(row.place ?? '-'),
    row.before.join(', ') || '-',
    row.innocents.join(', ') || 'none',
    seconds(row.quiet_s),
    row.isWrong ? 'WRONG' : 'right',
  ];
}

function tableLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
