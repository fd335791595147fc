import {withStatementRates} from '../core/reading/rates.ts';
import type {Snapshot, Statement} from '../model/snapshot.ts';

/** Statements are written down no more often: their counters are most of what changes. */
const statementsEveryMs = 30_000;

/** The statements that hold at a reading, with their rates since those before. */
export type StatementTrack = {at_ms: number; stats_reset: string | null; statements: readonly Statement[]};

export const emptyTrack: StatementTrack = {
  at_ms: Number.NEGATIVE_INFINITY,
  stats_reset: null,
  statements: [],
};

/** Whether those of a reading are written down, or those before still hold. */
export function isDue({at_ms, statements}: StatementTrack, snapshot: Snapshot): boolean {
  const isFresh = statements.every(({rates}) => rates === undefined);
  return isFresh || Math.abs(Date.parse(snapshot.at) - at_ms) >= statementsEveryMs;
}

/** Who writes and who reads go on in the same way, so that the counters are all that is written down. */
export function advance(track: StatementTrack, snapshot: Snapshot): StatementTrack {
  const current = {
    at_ms: Date.parse(snapshot.at),
    stats_reset: snapshot.statements_info?.stats_reset ?? null,
    statements: snapshot.statements,
    is_complete: false,
  };
  return {...current, statements: withStatementRates({...track, is_complete: false}, current)};
}
