import {spawnSync} from 'node:child_process';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import process from 'node:process';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';
import {openJournal} from '../../source/journal/journal-file.ts';
import {openRecording} from '../../source/recording/recording.ts';

export type CrashReport = {loops: number; killed: number; acknowledged: number; losses: string[]};

const moments = ['before', 'half', 'after'];
/** More operations than a program needs before its first acknowledgement. */
const operations = 40;

/**
 * Writes journal and recording repeatedly in one folder, each time killed at another operation. After each run it
 * checks that everything acknowledged in any run is present, except rotated snapshots.
 */
export async function crashLoop(loops: number): Promise<CrashReport> {
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-crash-'));
  const report: CrashReport = {loops, killed: 0, acknowledged: 0, losses: []};
  const acknowledged = {entry: new Set<string>(), reading: new Set<string>()};
  try {
    const program = await bundle(folder);
    for (let loop = 0; loop < loops; loop++) {
      const at = [Math.floor(loop / moments.length) % operations, moments[loop % moments.length] ?? ''];
      const args = [program, folder, String(loop * 10), ...at.map(String)];
      const {signal, status, stdout, stderr} = spawnSync(process.execPath, args, {encoding: 'utf8'});
      if (signal === 'SIGKILL') report.killed++;
      else if (status !== 0) report.losses.push(`${at.join(' ')}: ended with ${status}: ${stderr}`);
      for (const line of stdout.split('\n')) {
        const [what, which] = line.split(' ');
        if (which !== undefined) acknowledged[what as 'entry' | 'reading'].add(which);
      }
      report.losses.push(...(await lost(folder, acknowledged)).map(each => `${at.join(' ')}: ${each}`));
    }
  } finally {
    await rm(folder, {recursive: true});
  }
  report.acknowledged = acknowledged.entry.size + acknowledged.reading.size;
  return report;
}

async function bundle(folder: string): Promise<string> {
  const outfile = join(folder, 'crash-process.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./crash-process.ts', import.meta.url))],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    // pg, which a helper imports, requires built-in modules.
    banner: {
      js: "import {createRequire} from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  return outfile;
}

async function lost(
  folder: string,
  acknowledged: {entry: ReadonlySet<string>; reading: ReadonlySet<string>},
): Promise<string[]> {
  const journal = openJournal(join(folder, 'journal.jsonl'));
  const {ok, reason} = await journal.verify();
  const hashes = new Set((await journal.read()).map(({hash}) => hash));
  const times = await readingTimes(join(folder, 'out.poolctl'));
  const oldest = Math.min(...times);
  const missing = [...acknowledged.reading].map(at => Date.parse(at)).filter(at_ms => !times.has(at_ms));
  return [
    ...(ok ? [] : [`the journal does not verify: ${reason}`]),
    ...[...acknowledged.entry].filter(hash => !hashes.has(hash)).map(hash => `entry ${hash} is lost`),
    ...missing.filter(at_ms => at_ms > oldest).map(at_ms => `reading ${at_ms} is lost`),
    ...(times.size === 0 && acknowledged.reading.size > 0 ? ['every reading is lost'] : []),
  ];
}

/** Counts of what can be read in full. */
async function readingTimes(file: string): Promise<Set<number>> {
  const recording = await openRecording(file).catch(() => null);
  if (recording === null) return new Set();
  const snapshots = await recording.recording.read(0, recording.recording.times().length);
  return new Set(snapshots.map(({at}) => Date.parse(at)));
}
