import {readFile, rm, writeFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import {recipes} from '../../recipes/index.ts';
import {assessRecorded} from '../../source/core/assessment/assess.ts';
import {addSample} from '../../source/core/assessment/samples.ts';
import {worstSeverity} from '../../source/core/recipe/diagnose.ts';
import type {Sample} from '../../source/model/assessment.ts';
import type {RecordedSnapshot} from '../../source/model/ports.ts';
import {openRecording} from '../../source/recording/recording.ts';
import {openRecordingFile} from '../../source/recording/recording-file.ts';
import type {Moment} from './moment.ts';

/** Of a story's recording: `NAME.poolctl`, which `poolctl play` opens. */
export const recordingsFolder = fileURLToPath(new URL('./recordings/', import.meta.url));
/** When each incident's cure began and had been done, by the clock of its server. */
const curesFile = `${recordingsFolder}cures.json`;

export type Cure = {begun_at: string; done_at: string};

export function recordingOf(name: string): string {
  return `${recordingsFolder}${name}.poolctl`;
}

export async function readCures(): Promise<Record<string, Cure>> {
  return JSON.parse(await readFile(curesFile, 'utf8').catch(() => '{}'));
}

/** Writes each reading as `poolctl record` does, with every reading of the statements' counters. */
export async function writeRecording(file: string, moments: readonly Moment[]): Promise<void> {
  await rm(file, {force: true});
  const recording = await openRecordingFile(file, {max_bytes: 2 ** 30, statementsEvery_ms: 0});
  for (const {snapshot, assessment} of moments)
    await recording.add(snapshot, worstSeverity(assessment.findings));
  await recording.close();
}

export async function writeCure(name: string, cure: Cure): Promise<void> {
  const cures = Object.entries({...(await readCures()), [name]: cure}).sort(([a], [b]) => (a < b ? -1 : 1));
  await writeFile(curesFile, `${JSON.stringify(Object.fromEntries(cures), null, 2)}\n`);
}

/** Every reading of a recording, assessed with those of the minute before. */
export async function momentsOf(file: string): Promise<Moment[]> {
  const {recording} = await openRecording(file);
  return assessEach(await recording.read(0, recording.times().length - 1));
}

/** Assesses each with those of the minute before. */
function assessEach(snapshots: readonly RecordedSnapshot[]): Moment[] {
  let samples: Sample[] = [];
  const start_ms = Date.parse(snapshots[0]?.at ?? '');
  return snapshots.map(snapshot => {
    samples = addSample(samples, snapshot);
    const seconds = (Date.parse(snapshot.at) - start_ms) / 1000;
    return {seconds, snapshot, assessment: assessRecorded({recipes, snapshot, samples})};
  });
}
