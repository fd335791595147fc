import type {Act} from '../../../model/recipe.ts';
import type {ServerState} from '../../../model/server-state.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {quoteIdentifier} from '../../sql/quote.ts';

export type Verdict = 'critical' | 'warning' | 'ok' | 'unknown';

/** One line of the Server view. */
export type TopicRow = {
  /** The same in every reading for as long as its subject exists. */
  id: string;
  verdict: Verdict;
  text: string;
  /** The figures behind it. */
  page(): Part[];
  acts?: readonly Act[];
};

/** A part of a line's page. */
export type Part = {heading: string; properties?: [name: string, value: string][]; text?: string[]};

/** What the lines are made of: the last snapshot, and what was read of the server. */
export type Seen = {snapshot: Snapshot; state: ServerState};

/** A group of lines. Its lines are made once every part in `reads` was read; others may be missing. */
export type Topic<Needs extends keyof ServerState = keyof ServerState> = {
  name: string;
  reads: readonly Needs[];
  rows(state: ServerState & Required<Pick<ServerState, Needs>>, snapshot: Snapshot): TopicRow[];
};

/** A topic whose lines need these parts. */
export function topic<Needs extends keyof ServerState>(own: Topic<Needs>): Topic {
  // What it reads was read when its lines are made.
  return own as unknown as Topic;
}

/** `unknown`, and what would show it. */
export function unknownTo({target}: Pick<Snapshot, 'target'>): string {
  return `unknown; to see it: GRANT pg_monitor TO ${quoteIdentifier(target.user)};`;
}
