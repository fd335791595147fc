import type {Value} from './values.ts';

/** The values of a result that statements after it may take as parameters, row by row. */
export type Source = {columns: readonly string[]; rows: readonly (readonly (string | null | undefined)[])[]};

/** What was captured, as a tree in time. */
export type Timed =
  | {
      kind: 'statement';
      text: string;
      values: readonly Value[];
      /** Its own result; null where it is not known whole. */
      result: Source | null;
      /** What the application did before, while nothing of it was at the server. */
      think_ms: number;
    }
  | {
      kind: 'group' | 'transaction';
      body: readonly Timed[];
      think_ms: number;
      /** Between the last statement and the end. */
      trailing_ms: number;
    }
  | {
      kind: 'parallel';
      /** What ran one after the other, each. */
      branches: readonly Timed[];
      /** The same, in the order in which each was sent. */
      units: readonly Timed[];
      think_ms: number;
    };
