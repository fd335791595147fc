import {AbortError, exitCodes} from '../core/errors.ts';

/**
 * Rejects with AbortError (exit 3) if the server does not answer within `ms`. The connection stays open: other queries
 * share it, and a frozen server may answer later.
 */
export function withDeadline<T>(answer: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(noAnswer(ms)), ms);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function noAnswer(ms: number): AbortError {
  return new AbortError(`the server has not answered for ${ms / 1000} s`, {
    hint: 'It may be frozen or overloaded, or the network interrupted: try again in a moment.',
    exitCode: exitCodes.connection,
  });
}
