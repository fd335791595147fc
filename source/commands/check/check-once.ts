import {printMessage} from '../../cli/context.ts';
import {requireMeasuredLimits} from '../../cli/health/require-limits.ts';
import {type Baseline, compare} from '../../core/health/baseline.ts';
import {assessHealth, type GivenLimits, limitsFor} from '../../core/health/health.ts';

import {measure, slowestStatement} from '../../core/health/measure.ts';
import {statsBetween} from '../../core/health/statistics.ts';
import {diagnoseAll} from '../../core/recipe/diagnose.ts';
import {loadDiagnosisData} from '../../core/recipe/load-data.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {type PrintOptions, type PrintPorts, printHealthReport} from './print-report.ts';

export type CheckPorts = {
  recipes: readonly Recipe[];
  /** One snapshot; with `rates_over_ms`, the second of two that far apart. */
  read(options: {rates_over_ms: number | null}): Promise<Snapshot>;
  /** What diagnoses need beyond the snapshot. Throws AbortError for what cannot be read. */
  load(needs: DataRequirements): Promise<RecipeData>;
  /** Clients waiting in the pooler; null without one. */
  askPooler(): Promise<number | null>;
} & PrintPorts;

export type CheckOptions = {
  /** In place of the default limits. */
  limits: GivenLimits;
  rates_over_ms: number | null;
  baseline: Baseline | null;
  /** A statement this many times slower than in the baseline is reported. */
  slower_ratio: number;
} & PrintOptions;

/**
 * Evaluates every recipe and every limit on one snapshot. Exit 0 where all is well, else 1. What could not be read is
 * reported on stderr; throws AbortError (exit 5) where a limit of the call depends on it.
 */
export async function checkOnce(ports: CheckPorts, flags: CheckOptions): Promise<ExitCode> {
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
    printMessage(output, `incomplete check, ${section}: ${reason}. ${remedy}`);
  }
  const gaps = [...unread, ...failed.map(({recipe, reason}) => ({fact: recipe, reason}))];
  for (const {fact, reason} of gaps) {
    printMessage(output, `incomplete check, ${fact}: ${reason}`);
  }
  return code;
}

/** Compares the statements called since the baseline. */
function compareReading(baseline: Baseline, current: Snapshot, slower_ratio: number) {
  return compare({baseline, current, after: statsBetween(baseline.reading, current), slower_ratio});
}
