import {BugError} from '../../core/errors.ts';
import type {IndexAdvice, IndexAdviceNeed} from '../../core/index-advice.ts';
import type {Connection} from '../connect.ts';

/** Indexes worth building in the connected database. */
export async function readIndexAdvice(_connection: Connection, _need: IndexAdviceNeed): Promise<IndexAdvice> {
  throw new BugError('not written yet');
}
