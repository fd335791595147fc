import fs from 'node:fs';
import promises from 'node:fs/promises';
import {syncBuiltinESMExports} from 'node:module';
import {join} from 'node:path';
import process from 'node:process';

/**
 * Writes a journal and a recording in a folder, prints what was acknowledged, and kills itself with SIGKILL at one of
 * its file operations: before it, halfway through the write, or after it. `crash-process FOLDER FIRST_READING OPERATION
 * before|half|after`.
 */
const [folder = '', first = '0', operation = '0', when = 'before'] = process.argv.slice(2);
const cycles = 6;
let operations = 0;

type Operation = (...args: unknown[]) => Promise<unknown>;

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  // Waits for the signal.
  return new Promise(() => {});
}

/** Counts an operation, and kills the process at the requested one. */
function deadly(work: Operation, half?: Operation): Operation {
  return async function (this: unknown, ...args) {
    if (operations++ !== Number(operation)) return work.apply(this, args);
    const last = when === 'half' && half ? half : work;
    // An operation that fails (the folder exists) counts too.
    if (when !== 'before') await last.apply(this, args).catch(() => {});
    return die();
  };
}

const probe = await promises.open(join(folder, 'probe'), 'w');
const handles = Object.getPrototypeOf(probe) as Record<string, Operation>;
await probe.close();
const write = handles.appendFile as Operation;
function writeHalf(this: unknown, data: unknown): Promise<unknown> {
  const bytes = Buffer.from(data as string | Buffer);
  return write.call(this, bytes.subarray(0, Math.ceil(bytes.length / 2)));
}
handles.appendFile = deadly(write, writeHalf);
for (const name of ['sync', 'datasync', 'truncate', 'chmod'])
  handles[name] = deadly(handles[name] as Operation);
const functions = promises as unknown as Record<string, Operation>;
for (const name of ['rename', 'unlink', 'link', 'mkdir'])
  functions[name] = deadly(functions[name] as Operation);
syncBuiltinESMExports();

const [{openJournal}, {openRecordingFile}, {changingSnapshot}, {draftOf, intentOf}] = await Promise.all([
  import('../../source/journal/journal-file.ts'),
  import('../../source/recording/recording-file.ts'),
  import('../recording/changing-snapshots.ts'),
  import('../journal/drafts.ts'),
]);
const journal = openJournal(join(folder, 'journal.jsonl'));
let clock_ms = 0;
const recording = await openRecordingFile(join(folder, 'out.poolctl'), {
  max_bytes: 16_000,
  // Sync every snapshot, so that there are operations to be killed in.
  now: () => {
    clock_ms += 11_000;
    return clock_ms;
  },
});
for (let cycle = 0; cycle < cycles; cycle++) {
  const run = `run-${first}`;
  acknowledge('entry', (await journal.append(intentOf(run, cycle))).hash);
  const snapshot = changingSnapshot(Number(first) + cycle);
  await recording.add(snapshot, null);
  acknowledge('reading', snapshot.at);
  acknowledge('entry', (await journal.append(draftOf(run, cycle))).hash);
}
await recording.close();

function acknowledge(what: 'entry' | 'reading', which: string): void {
  fs.writeSync(1, `${what} ${which}\n`);
}
