import type {RecipeData} from './recipe-data.ts';
import type {Snapshot} from './snapshot.ts';

export type Parameter = {
  /** snake_case, as in `--set name=value`. */
  name: string;
  description: string;
  kind: 'duration' | 'size' | 'text' | 'integer' | 'number' | 'choice' | 'path' | 'pids' | 'states';
  /** The valid values of a `choice`. */
  choices?: readonly string[];
  /** As typed; '' means not set. */
  default: string;
  /** No plan without it; on a terminal poolctl prompts for it. */
  is_required?: true;
  /** Throws AbortError for an invalid value, shown while it is typed. */
  check?: (text: string) => unknown;
  /** Completions for the parameter page. */
  suggest?: (snapshot: Snapshot, facts: RecipeData) => string[];
};

/** Parameter values as typed, by name. */
export type ParameterValues = Record<string, string>;
