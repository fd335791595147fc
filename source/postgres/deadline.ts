import {AbortError, exitCodes} from '../core/errors.ts';

/**
 * `answer`, or AbortError (exit 3) where a server does not give it within so long. The connection is left alone: a
 * frozen server answers in the end, and other readings share it.
 */
export function inTime<T>(answer: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLate(ms)), ms);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function tooLate(ms: number): AbortError {
  return new AbortError(`the server has not answered for ${ms / 1000} s`, {
    hint: 'It may be frozen or saturated, or the way there cut: try again in a moment.',
    exitCode: exitCodes.connection,
  });
}
