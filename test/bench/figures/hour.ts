import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {readMemory} from '../process-usage.ts';
import type {Program} from '../programs.ts';
import {reasonOf, withTerminal} from '../running-program.ts';
import {readWhenWritten} from '../watched.ts';
import {addressOf, type Setting} from './figure.ts';

/** An hour's readings at 1 s, in half the time: at the shortest interval. */
const readings = 3600;
const interval_ms = 500;

/** How long it is watched; the quick one makes a tenth of the readings. */
export function hourWindow_ms(isQuick: boolean): number {
  return (readings * interval_ms) / (isQuick ? 10 : 1);
}

/**
 * Memory of poolctl after an hour's readings, with another view every 5 s: the resident memory before and at the end
 * of it, and what of the heap is in use then. All builds are watched at the same time.
 */
export async function measureHour(setting: Setting): Promise<void> {
  await Promise.all(setting.programs.map(program => measureOne(setting, program)));
}

async function measureOne(setting: Setting, program: Program): Promise<void> {
  const {isQuick, condition, results, progress} = setting;
  const {whenWatched} = program;
  if (whenWatched === undefined) return;
  const add = (figure: string, sample: number | {failure: string}) =>
    results.add({figure, condition, program: program.name, unit: 'MB'}, sample);
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-bench-'));
  const file = join(folder, 'heap.json');
  const command = whenWatched(addressOf(setting, program), {
    interval_ms,
    preload: fileURLToPath(new URL('../watched.mjs', import.meta.url)),
  });
  try {
    await withTerminal({...command, env: {...command.env, BENCH_WATCHED_FILE: file}}, async terminal => {
      await terminal.waitFor(({screen}) => program.isComplete(screen()), {timeout_ms: 30_000});
      await sleep(5000);
      add('resident memory at the start', readMemory(terminal.pid).resident_MB);
      const until_ms = performance.now() + hourWindow_ms(isQuick);
      for (let turn = 0; performance.now() < until_ms; turn++) {
        terminal.write(String((turn % 6) + 1));
        await sleep(5000);
      }
      const {resident_MB, peak_MB} = readMemory(terminal.pid);
      add("resident memory after an hour's readings", resident_MB);
      add("peak memory of an hour's readings", peak_MB);
      terminal.kill('SIGUSR1');
      const {heapUsed, external} = await readWhenWritten(file);
      add("heap in use after an hour's readings", heapUsed / 2 ** 20);
      add("buffers in use after an hour's readings", external / 2 ** 20);
    });
  } catch (error) {
    add("resident memory after an hour's readings", {failure: reasonOf(error)});
  } finally {
    await rm(folder, {recursive: true});
  }
  progress(`hour, ${condition}: ${program.name}`);
}
