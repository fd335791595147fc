import type {RecipeData} from './recipe-data.ts';
import type {Snapshot} from './snapshot.ts';

export type Parameter = {
  /** snake_case, as `--set name=value` takes it. */
  name: string;
  description: string;
  kind: 'duration' | 'size' | 'text' | 'integer' | 'number' | 'choice' | 'path' | 'pids' | 'states';
  /** For `choice`: the values there are. */
  choices?: readonly string[];
  /** As the user would type it; '' means not set. */
  default: string;
  /** Nothing can be planned without it: a terminal is asked for it. */
  is_required?: true;
  /** Throws AbortError on a text that the recipe could not read, for the guide to say so as it is typed. */
  check?: (text: string) => unknown;
  /** Offered as completions in the guide. */
  suggest?: (snapshot: Snapshot, facts: RecipeData) => string[];
};

/** Parameter values as typed, by name. */
export type ParameterValues = Record<string, string>;
