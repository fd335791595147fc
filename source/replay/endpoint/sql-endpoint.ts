import type {Sample} from './endpoint.ts';

/**
 * An endpoint written as plain SQL. Statements end with `;`. A line that begins with `-- @` tells what the SQL cannot:
 *
 *     -- @endpoint GET /api/students      the route, first of all
 *     -- @sample {"school_id": 3}         a request to send; several are chosen from by the seed
 *     -- @setup                           what follows, up to the first variant, runs once and is not measured
 *     -- @variant before                  what follows is this variant; a file without is one variant, `main`
 *     -- @param $1 = 42                   a parameter of the next statement: JSON, 'text', \x00ff (bytes), or $name
 *     -- @parallel ... -- @end            what is in it runs at once, each on a connection of its own
 *     -- @transaction ... -- @end         BEGIN and COMMIT around it, on one connection
 *     -- @group ... -- @end               one after the other, as one thing
 *     -- @repeat 5                        the next statement or block, so many times
 *     -- @each                            the next statement or block, for each row of the statement before
 *     -- @think 20ms                      the application does something else
 *
 * `$name` in a statement, or as a parameter's value, is that column of the row of `@each`, or else of the sample.
 */
export type SqlEndpoint = {
  route: string;
  samples: readonly Sample[];
  setup: readonly SqlNode[];
  variants: readonly SqlVariant[];
};

type SqlVariant = {name: string; body: readonly SqlNode[]};

/** `line` is where it stands in the file, from 1; 0 in what was not read from one. */
export type SqlNode =
  | {kind: 'statement'; text: string; params: readonly SqlParam[]; line: number}
  | {kind: 'parallel' | 'transaction' | 'group'; body: readonly SqlNode[]; line: number}
  | {kind: 'repeat'; count: number; body: readonly SqlNode[]; line: number}
  | {kind: 'each'; body: readonly SqlNode[]; line: number}
  | {kind: 'think'; ms: number; line: number};

/** In the order of $1, $2. Bytes are sent in the binary format, all else as text. */
export type SqlParam = {value: SqlValue} | {bytes: Uint8Array} | {name: string};
export type SqlValue =
  | null
  | boolean
  | number
  | string
  | readonly SqlValue[]
  | {readonly [key: string]: SqlValue};

/** The variant of a file that names none. */
export const onlyVariant = 'main';
