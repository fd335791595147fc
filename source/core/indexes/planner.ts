import type {IndexAdvice} from '../../model/index-advice.ts';
import type {Candidate} from './candidates.ts';
import type {StatementShape} from './shape.ts';

/** A statement that was seen, or that a foreign key asks when its parent's row goes. */
export type WorkStatement = {
  queryid: string;
  query: string;
  calls: number;
  total_exec_time_ms: number;
  shape: StatementShape;
  source: 'statements' | 'foreign_key';
};

/**
 * What a statement costs in the planner's units, and which of the candidates its plan reads. `is_estimated`: reckoned
 * from statistics, as poolctl does not let the server plan this one.
 */
export type Planned = {cost: number; used: ReadonlySet<string>; is_estimated?: true};

/** Who knows what a statement would cost with indexes that are not there; null where it cannot be planned. */
export type Planner = {
  /** Whether that is the server itself, or reckoned from its statistics. */
  judge: IndexAdvice['planner'];
  plan(statement: WorkStatement, candidates: readonly Candidate[]): Promise<Planned | null>;
  /** Bytes an index that is not there would take. */
  sizeOf(candidate: Candidate): number;
};
