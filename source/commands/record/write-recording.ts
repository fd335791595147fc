import type {Output} from '../../cli/context.ts';
import {diagnoseAll, worstSeverity} from '../../core/recipe/diagnose.ts';
import {attachFactFindings} from '../../core/recipe/fact-findings.ts';
import {loadDiagnosisData} from '../../core/recipe/load-data.ts';
import {counted, formatBytes} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Severity} from '../../model/finding.ts';
import type {Sampler} from '../../model/ports.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {ReadFailure, RecordedSnapshot} from '../../model/recording.ts';

export type RecordPorts = {
  sampler: Sampler;
  recipes: readonly Recipe[];
  recording: {
    add(reading: RecordedSnapshot, severity: Severity | null): Promise<void>;
    addFailure(failure: ReadFailure): Promise<void>;
    close(): Promise<void>;
    written(): {readings: number; bytes: number};
  };
  /** What diagnoses rest on beyond a reading, asked for once a minute. */
  load(needs: DataRequirements): Promise<RecipeData>;
  output: Output;
  now(): number;
};

/** Facts are dear and change slowly. */
const factsEveryMs = 60_000;

/**
 * Writes down each reading until the signal aborts, and when the server could not be read. Throws AbortError (exit 7)
 * where a reading cannot be written.
 */
export async function record(ports: RecordPorts, file: string, signal: AbortSignal): Promise<void> {
  const {sampler, recipes, recording, output} = ports;
  const tell = (text: string) => output.stderr(sanitise(`poolctl: ${text}`));
  const told = attachFactFindings(recipes);
  let facts: RecipeData = {};
  let factsAt_ms = Number.NEGATIVE_INFINITY;
  let isReading = false;
  try {
    for await (const reading of sampler.events(signal)) {
      if (reading.kind === 'lost') {
        await recording.addFailure({at_ms: ports.now(), message: reading.message});
        if (isReading) tell(`${reading.message}; what follows is written down when it can be read again`);
        isReading = false;
        continue;
      }
      const {snapshot} = reading;
      if (Math.abs(ports.now() - factsAt_ms) >= factsEveryMs) {
        factsAt_ms = ports.now();
        facts = await factsOf(ports, facts);
      }
      const {findings} = diagnoseAll(recipes, snapshot, facts);
      await recording.add(told(snapshot, facts, findings), worstSeverity(findings));
      if (!isReading) tell(`recording ${snapshot.target.id} to ${file}; Ctrl-C ends it`);
      isReading = true;
    }
  } finally {
    await recording.close();
  }
  const {readings, bytes} = recording.written();
  tell(`${counted(readings, 'reading')}, ${formatBytes(bytes)} written to ${file}`);
}

/** Where the connection goes meanwhile, those of before hold until the next time; the reading is written down. */
async function factsOf({recipes, load}: RecordPorts, before: RecipeData): Promise<RecipeData> {
  return loadDiagnosisData(recipes, load).then(
    ({facts}) => facts,
    () => before,
  );
}
