import {lineOf} from '../pool/request-trace.ts';

/** Prisma ends a transaction that nobody goes on with after 5 s: what comes of it may come late. */
const late_ms = 10_000;

/**
 * Rejections of promises that an endpoint does not await, which would end the whole program: `end` says each kind of
 * them once, with its line. Those that come soon after are let go.
 */
export function watchStrayRejections(file: string): {end(): string[]} {
  const notes = new Set<string>();
  const note = (error: unknown) => {
    const line = lineOf(error, file);
    const text = (error instanceof Error ? error.message : String(error)).trimEnd().split('\n').at(-1);
    notes.add(
      `${file}${line === null ? '' : `:${line}`}: it does not await a promise, which failed: ${text}`,
    );
  };
  process.on('unhandledRejection', note);
  return {
    end() {
      setTimeout(() => process.off('unhandledRejection', note), late_ms).unref();
      return [...notes];
    },
  };
}
