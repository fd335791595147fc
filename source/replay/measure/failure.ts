import {AbortError} from '../../core/errors.ts';
import {lineOf, type RequestTrace} from '../pool/request-trace.ts';
import type {Failure, FailureKind} from './run-stats.ts';

/** Classifies what a request threw, with the line of the endpoint's file. */
export function createFailureReader(file: string): (error: unknown, trace: RequestTrace) => Failure {
  return (error, trace) => {
    const own = describe(error);
    // The driver's error says more than what a client library made of it.
    const {sqlstate, message} = trace.failure ?? own;
    const line = lineOf(error, file) ?? trace.failure?.line ?? null;
    return {kind: kindOf([sqlstate, own.sqlstate], message), sqlstate, message, line};
  };
}

/** P2024 (pool timeout) and P2037 (too many connections) are Prisma's own codes. */
function kindOf(codes: (string | null)[], message: string): FailureKind {
  if (codes.includes('53300') || codes.includes('P2037')) return 'too_many_connections';
  // pg-pool's errors have no code: `timeout exceeded when trying to connect`, or for a new connection the other one.
  if (codes.includes('P2024') || /^timeout exceeded when trying to connect|connection timeout$/.test(message))
    return 'pool_timeout';
  return codes.some(code => code !== null) ? 'sqlstate' : 'own';
}

function describe(error: unknown): {sqlstate: string | null; message: string} {
  if (error instanceof AbortError) return {sqlstate: null, message: error.message};
  const {code, message, name} = (error ?? {}) as {code?: unknown; message?: unknown; name?: unknown};
  const text = typeof message === 'string' ? message : String(error);
  // Prisma's messages print the whole call; the reason is their last line.
  const isPrisma = typeof name === 'string' && name.startsWith('PrismaClient');
  return {
    sqlstate: typeof code === 'string' ? code : null,
    message: isPrisma ? (text.trimEnd().split('\n').at(-1) ?? text) : text,
  };
}
