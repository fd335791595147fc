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
  /** Facts its diagnosis rests on, read once a minute; absent ones find nothing. */
  diagnoseRequires?: DataRequirements;
  diagnose(snapshot: Snapshot, facts: RecipeData): Finding[];
  /** Facts its plan rests on for these parameters, read afresh before planning and again before acting. */
  planRequires?(params: ParameterValues): DataRequirements;
  /** Defaults drawn from the evidence, in place of the parameters' own. */
  defaults?(snapshot: Snapshot, facts: RecipeData): ParameterValues;
  /** Its plan is measured, by a replay: the console carries that out, a command names the command for it. */
  isBenchmark?: true;
  /** Absent: the recipe is advice. Throws AbortError (exit 2) on a parameter it cannot read. */
  plan?(snapshot: Snapshot, params: ParameterValues, facts: RecipeData): Plan;
};
