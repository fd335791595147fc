import type {Output} from '../../cli/context.ts';
import {type CheckFormat, printHealthReport, type ReportPorts} from '../../cli/health/health-report.ts';
import {requireMeasuredLimits} from '../../cli/health/require-limits.ts';
import {type Baseline, compare} from '../../core/health/baseline.ts';
import {assessHealth, type GivenLimits, limitsFor} from '../../core/health/health.ts';
import {measure, slowestStatement} from '../../core/health/measure.ts';
import {statsBetween} from '../../core/health/statistics.ts';
import {diagnoseAll} from '../../core/recipe/diagnose.ts';
import {loadDiagnosisData} from '../../core/recipe/load-data.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';

export type CheckPorts = {
  recipes: readonly Recipe[];
  /** One whole reading; with `rates_over_ms`, of two that far apart. */
  read(options: {rates_over_ms: number | null}): Promise<Snapshot>;
  /** What diagnoses rest on beyond the reading. Throws AbortError for what cannot be read. */
  load(needs: DataRequirements): Promise<RecipeData>;
  /** Clients waiting in the pooler; null where nobody can be asked. */
  askPooler(): Promise<number | null>;
  output: Output;
} & ReportPorts;

export type CheckOptions = {
  /** Limits that take the place of the default ones. */
  limits: GivenLimits;
  rates_over_ms: number | null;
  /** What the statements are compared with. */
  baseline: Baseline | null;
  /** How many times slower than the baseline counts. */
  slower_ratio: number;
  format: CheckFormat;
  /** A file, or `-` for stdout. */
  junit: string | null;
};

/**
 * The health gate: every recipe's diagnosis and every limit. Exit 0 where all is well, 1 where anything is not.
 * What could not be read is said on stderr; throws AbortError (exit 5) where a limit was asked for on it.
 */
export async function check(ports: CheckPorts, flags: CheckOptions): Promise<ExitCode> {
  const {recipes, output} = ports;
  const snapshot = await ports.read({rates_over_ms: flags.rates_over_ms});
  const {facts, unread} = await loadDiagnosisData(recipes, ports.load);
  const {findings, failed} = diagnoseAll(recipes, snapshot, facts);
  const pooler_waiting_clients = await ports.askPooler();
  const metrics = measure({snapshot, facts, findings, pooler_waiting_clients});
  const health = assessHealth(metrics, limitsFor(snapshot, flags.limits), findings);
  requireMeasuredLimits(health, {unavailable: snapshot.unavailable, unread}, flags.limits);
  const code = await printHealthReport(
    ports,
    {
      health,
      target: snapshot.target.id,
      slowest: slowestStatement(snapshot)?.statement.queryid ?? null,
      recipes: recipes.map(({id, title}) => ({id, title})),
      comparison: flags.baseline && compareReading(flags.baseline, snapshot, flags.slower_ratio),
    },
    flags,
  );
  for (const {section, reason, remedy} of snapshot.unavailable) {
    output.stderr(sanitise(`poolctl: not checked in full, ${section}: ${reason}. ${remedy}`));
  }
  const gaps = [...unread, ...failed.map(({recipe, reason}) => ({fact: recipe, reason}))];
  for (const {fact, reason} of gaps) {
    output.stderr(sanitise(`poolctl: not checked in full, ${fact}: ${reason}`));
  }
  return code;
}

/** What was called since the baseline was read. */
function compareReading(baseline: Baseline, current: Snapshot, slower_ratio: number) {
  return compare({baseline, current, after: statsBetween(baseline.reading, current), slower_ratio});
}
