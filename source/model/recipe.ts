import type {Finding} from './finding.ts';
import type {Parameter, ParameterValues} from './parameter.ts';
import type {Plan} from './plan.ts';
import type {DataRequirements, RecipeData} from './recipe-data.ts';
import type {Snapshot} from './snapshot.ts';

/** One file in recipes/, whose name is `id`. */
export type Recipe = {
  id: string;
  title: string;
  /** One line for `poolctl recipes`. */
  summary: string;
  parameters: Parameter[];
  /** Facts that `diagnose` needs, read once a minute. Without them it finds nothing. */
  diagnoseRequires?: DataRequirements;
  diagnose(snapshot: Snapshot, facts: RecipeData): Finding[];
  /** Facts that `plan` needs for these parameters, read before planning and again before execution. */
  planRequires?(params: ParameterValues): DataRequirements;
  /** Defaults derived from the data; they replace the parameters' own. */
  defaults?(snapshot: Snapshot, facts: RecipeData): ParameterValues;
  /** Its plan is a benchmark (`poolctl replay`): the console runs it, `poolctl run` prints the command for it. */
  isBenchmark?: true;
  /** Absent for a recipe that only gives advice. Throws AbortError (exit 2) for an invalid parameter. */
  plan?(snapshot: Snapshot, params: ParameterValues, facts: RecipeData): Plan;
};
