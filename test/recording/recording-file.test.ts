import {appendFile, readFile, stat, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import type {Snapshot} from '../../source/model/snapshot.ts';
import {createSnapshotBuffer, openRecording} from '../../source/recording/recording.ts';
import {openRecordingFile} from '../../source/recording/recording-file.ts';
import {temporaryFolder} from '../cli/execution/acting.ts';
import {changingSnapshots} from './changing-snapshots.ts';

const plenty = 2 ** 30;

async function newFile(): Promise<string> {
  return join(await temporaryFolder(), 'out.poolctl');
}

async function write(file: string, snapshots: readonly Snapshot[], max_bytes = plenty): Promise<void> {
  const recording = await openRecordingFile(file, {max_bytes});
  for (const snapshot of snapshots) await recording.add(snapshot, null);
  await recording.close();
}

async function timesOf(file: string): Promise<number[]> {
  return (await openRecording(file)).recording.times().map(({at_ms}) => at_ms);
}

function times(snapshots: readonly Snapshot[]): number[] {
  return snapshots.map(({at}) => Date.parse(at));
}

const snapshots = changingSnapshots(300);
const refused = (exitCode: number) => ({name: 'AbortError', exitCode});

describe('a recording', () => {
  it('restores snapshots, severities and failures, readable by its owner only', async () => {
    const file = await newFile();
    const writer = await openRecordingFile(file, {max_bytes: plenty});
    for (const snapshot of snapshots.slice(0, 10)) await writer.add(snapshot, 'critical');
    await writer.addFailure({at_ms: 5, message: 'gone'});
    await writer.addFailure({at_ms: 6, message: 'gone, for 1 s'});
    await writer.add(snapshots[10] as Snapshot, null);
    await writer.close();
    const {recording, target, problem} = await openRecording(file);
    expect({target, problem}).toEqual({target: 'db.example:5432/shop', problem: null});
    expect(recording.times().map(({severity}) => severity)).toEqual([...Array(10).fill('critical'), null]);
    // Its clock is years behind the server's: the outage lies after the snapshot before it nevertheless.
    const [before, after] = times(snapshots.slice(9, 11));
    expect(recording.outages()).toEqual([{at_ms: Number(before) + 1, until_ms: after, message: 'gone'}]);
    const [reading] = await recording.read(7, 7);
    expect(reading?.backends).toEqual(snapshots[7]?.backends);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('can be appended to, and loses only an incomplete last group', async () => {
    const file = await newFile();
    await write(file, snapshots.slice(0, 5));
    await truncate(file, (await stat(file)).size - 3);
    expect(await timesOf(file)).toEqual(times(snapshots.slice(0, 4)));
    expect((await openRecording(file)).problem).toMatch(/bytes are damaged or truncated/);
    await write(file, snapshots.slice(5, 8));
    expect(await timesOf(file)).toEqual(times([...snapshots.slice(0, 4), ...snapshots.slice(5, 8)]));
    expect((await openRecording(file)).problem).toBeNull();
  });

  it('loses only the damaged group', async () => {
    const file = await newFile();
    await write(file, snapshots);
    const bytes = await readFile(file);
    const middle = Math.floor(bytes.length / 2);
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 0xff, middle);
    await writeFile(file, bytes);
    const stored = await timesOf(file);
    expect(stored.slice(0, 120)).toEqual(times(snapshots.slice(0, 120)));
    expect(stored.slice(-60)).toEqual(times(snapshots.slice(240)));
    expect(stored.length).toBeLessThan(300);
  });

  it('is rotated to .1 at half its maximum size, and both files are played', async () => {
    const file = await newFile();
    const max_bytes = 20_000;
    await write(file, changingSnapshots(3000), max_bytes);
    const sizes = await Promise.all([stat(file), stat(`${file}.1`)]);
    expect(sizes.reduce((sum, {size}) => sum + size, 0)).toBeLessThan(max_bytes + 2000);
    const all = times(changingSnapshots(3000));
    const stored = await timesOf(file);
    expect(stored).toEqual(all.slice(-stored.length));
    expect(stored.length).toBeGreaterThan(100);
    expect((await stat(`${file}.1`)).mode & 0o777).toBe(0o600);
  });

  it('is refused if the file is not a recording, has another target, or is being written by another process', async () => {
    const file = await newFile();
    await writeFile(file, 'a diary\n');
    await expect(openRecordingFile(file, {max_bytes: plenty})).rejects.toMatchObject(refused(2));
    await expect(openRecording(file)).rejects.toMatchObject(refused(2));
    expect(await readFile(file, 'utf8')).toBe('a diary\n');
    await expect(openRecording(`${file}.absent`)).rejects.toMatchObject(refused(2));
    await expect(openRecordingFile('/nowhere/out', {max_bytes: plenty})).rejects.toMatchObject(refused(7));

    const [first, second] = snapshots as [Snapshot, Snapshot];
    const own = `${file}.own`;
    await write(own, [first]);
    const recording = await openRecordingFile(own, {max_bytes: plenty});
    const elsewhere = {...second, target: {...second.target, id: 'other:5432/shop'}};
    await expect(recording.add(elsewhere, null)).rejects.toMatchObject(refused(2));
    await appendFile(own, 'x');
    await expect(recording.add(second, null)).rejects.toMatchObject(refused(7));
    await recording.close();
  });
});

describe('the last hour', () => {
  it('drops older snapshots and stays within its size', async () => {
    const folder = await temporaryFolder();
    const options = {max_ms: 400_000, max_bytes: plenty, fileFor: () => join(folder, 'hour.poolctl')};
    const buffer = createSnapshotBuffer(options);
    for (const snapshot of changingSnapshots(600)) buffer.add(snapshot, null);
    const file = await buffer.save(null);
    const stored = buffer.times().map(({at_ms}) => at_ms);
    expect(stored).toEqual(times(changingSnapshots(600)).slice(-stored.length));
    expect(stored.length).toBeLessThanOrEqual(201);
    expect(await timesOf(file)).toEqual(stored);
    await expect(buffer.save(null)).rejects.toMatchObject(refused(7));

    const small = createSnapshotBuffer({...options, max_ms: plenty, max_bytes: 10_000});
    for (const snapshot of changingSnapshots(1200)) small.add(snapshot, null);
    const {size} = await stat(await small.save(join(folder, 'small.poolctl')));
    expect(size).toBeLessThan(10_000 + 25 * 20 * 120);
    expect(small.times().length).toBeLessThan(1200);
  });
});
