import {readFileSync} from 'node:fs';
import {readdir} from 'node:fs/promises';
import {describe, expect, it} from 'vitest';
import type {HealthyStory} from '../../source/demo/stories/story.ts';
import {readHeader, recordingVersion} from '../../source/recording/frames.ts';
import {openRecording} from '../../source/recording/recording.ts';
import {describeMoment, innocentsOffered, isQuiet, isRight, type Moment} from './moment.ts';
import {momentsOf, readCures, recordingOf, recordingsFolder} from './recordings.ts';
import {isIncident, loadStories} from './stories.ts';

const stories = await loadStories();
const cures = await readCures();
const named = <Kind extends HealthyStory>(all: Kind[]) => all.map(story => [story.name, story] as const);
/** Recorded with `npm run bench:incidents -- --record --only NAME`. */
const recorded = (await readdir(recordingsFolder)).filter(name => name.endsWith('.poolctl'));

/** How long a finding may be left after the cure: as long as an assessment looks back. */
const quietWithin_s = 60;

it('each story has a recording, and each recording a story', () => {
  expect(recorded.sort()).toEqual(stories.map(({name}) => `${name}.poolctl`).sort());
});

describe.each(named(stories.filter(isIncident)))('%s, in every reading', (name, story) => {
  const {first, innocents} = story;

  it('has its cause first from its second on, offers no innocent, and is quiet after the cure', async () => {
    const moments = await momentsOf(recordingOf(name));
    const {begun_at, done_at} = cures[name] ?? {begun_at: '', done_at: ''};
    const harmed = moments.filter(({snapshot}) => snapshot.at <= begun_at);
    const right = harmed.findIndex(isRight(story));
    expect(harmed[right]?.seconds, describeLast(harmed.at(-1))).toBeLessThanOrEqual(first.within_seconds);
    const wrong = harmed.slice(right).filter(moment => !isRight(story)(moment));
    expect(wrong.map(describeMoment)).toEqual([]);

    expect(moments.flatMap(moment => innocentsOffered(moment, innocents))).toEqual([]);

    const cured = moments.filter(({snapshot}) => snapshot.at >= done_at);
    const quiet = cured.findIndex(isQuiet);
    expect(secondsBetween(cured[0], cured[quiet])).toBeLessThanOrEqual(quietWithin_s);
    const loud = cured.slice(quiet).filter(moment => !isQuiet(moment));
    expect(loud.map(describeMoment)).toEqual([]);
  });
});

describe.each(named(stories.filter(story => !isIncident(story))))('%s', name => {
  it('is healthy: no finding in any reading', async () => {
    const moments = await momentsOf(recordingOf(name));
    expect(moments.length).toBeGreaterThan(10);
    expect(moments.filter(moment => !isQuiet(moment)).map(describeMoment)).toEqual([]);
  });
});

describe.each(recorded)('%s', file => {
  it('is of the current format, small, and contains no password and no path of the machine', async () => {
    const bytes = readFileSync(`${recordingsFolder}${file}`);
    expect(readHeader(bytes, file).header.poolctl_recording).toBe(recordingVersion);
    expect(bytes.length).toBeLessThan(60_000);
    const {recording} = await openRecording(`${recordingsFolder}${file}`);
    const text = JSON.stringify(await recording.read(0, recording.times().length - 1));
    expect(text).not.toMatch(/password\s+'|\b[0-9a-f]{24}\b|\/home\/|\/root\/|node_modules/i);
  });
});

function secondsBetween(from: Moment | undefined, to: Moment | undefined): number {
  return (to?.seconds ?? Number.POSITIVE_INFINITY) - (from?.seconds ?? 0);
}

function describeLast(moment: Moment | undefined): string {
  return moment === undefined ? 'nothing recorded' : describeMoment(moment);
}
