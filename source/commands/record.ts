import {type ExitCode, exitCodes} from '../core/errors.ts';
import {diagnoseAll} from '../core/facts/diagnose.ts';
import {counted, formatBytes} from '../core/format.ts';
import type {Output, Sampler} from '../core/ports.ts';
import type {Recipe, Severity} from '../core/recipe.ts';
import {sanitise} from '../core/sanitise.ts';
import type {Snapshot} from '../core/snapshot.ts';
import {type Loss, worstOf} from '../core/tape.ts';

export type RecordPorts = {
  sampler: Sampler;
  recipes: readonly Recipe[];
  recording: {
    keep(snapshot: Snapshot, severity: Severity | null): Promise<void>;
    lose(loss: Loss): Promise<void>;
    close(): Promise<void>;
    written(): {readings: number; bytes: number};
  };
  output: Output;
  now(): number;
};

/**
 * Writes down each reading until the signal aborts, and when the server could not be read. Throws AbortError (exit 7)
 * where a reading cannot be written.
 */
export async function record(ports: RecordPorts, file: string, signal: AbortSignal): Promise<ExitCode> {
  const {sampler, recipes, recording, output} = ports;
  const tell = (text: string) => output.talk(sanitise(`poolctl: ${text}`));
  let isReading = false;
  try {
    for await (const reading of sampler.readings(signal)) {
      if (reading.kind === 'lost') {
        await recording.lose({at_ms: ports.now(), message: reading.message});
        if (isReading) tell(`${reading.message}; what follows is written down when it can be read again`);
        isReading = false;
        continue;
      }
      const {snapshot} = reading;
      await recording.keep(snapshot, worstOf(diagnoseAll(recipes, snapshot, {}).findings));
      if (!isReading) tell(`recording ${snapshot.target.id} to ${file}; Ctrl-C ends it`);
      isReading = true;
    }
  } finally {
    await recording.close();
  }
  const {readings, bytes} = recording.written();
  tell(`${counted(readings, 'reading')}, ${formatBytes(bytes)} written to ${file}`);
  return exitCodes.ok;
}
