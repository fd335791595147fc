import {lineOf} from '../pool/request-trace.ts';

/** Prisma closes an abandoned transaction after 5 s and then rejects what still runs in it. */
const late_ms = 10_000;

/**
 * Catches rejections of promises that an endpoint does not await, which would end the process. `end` returns one note per
 * line and message. Rejections in the following 10 s are caught and ignored.
 */
export function collectUnhandledRejections(file: string): {end(): string[]} {
  const notes = new Set<string>();
  const note = (error: unknown) => {
    const line = lineOf(error, file);
    const text = (error instanceof Error ? error.message : String(error)).trimEnd().split('\n').at(-1);
    notes.add(`${file}${line === null ? '' : `:${line}`}: a promise that is not awaited failed: ${text}`);
  };
  process.on('unhandledRejection', note);
  return {
    end() {
      setTimeout(() => process.off('unhandledRejection', note), late_ms).unref();
      return [...notes];
    },
  };
}
