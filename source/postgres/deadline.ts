import {AbortError, exitCodes} from '../core/errors.ts';

/**
 * The answer of a server, or AbortError (exit 3) after `ms`. The connection stays open: a frozen server answers in the
 * end, and other queries share it.
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
