import {createHeap} from './heap.ts';

export type Server = {
  begin(now_ms: number, service_ms: number, onEnd: () => void): void;
  /** When the next query ends, if nothing else happens; Infinity where none runs. */
  next(): number;
  /** Ends that query. */
  take(now_ms: number): (() => void) | undefined;
};

/**
 * All queries on it progress alike: at full speed up to `parallelism` of them, beyond at their share. Progress is
 * counted in one virtual time, so that a query's end in it is known when it begins.
 */
export function createServer(parallelism: number): Server {
  const queries = createHeap<() => void>();
  let count = 0;
  let progress_ms = 0;
  let at_ms = 0;
  const speed = () => (count <= parallelism ? 1 : parallelism / count);
  const advance = (now_ms: number) => {
    progress_ms += (now_ms - at_ms) * speed();
    at_ms = now_ms;
  };
  return {
    begin(now_ms, service_ms, onEnd) {
      advance(now_ms);
      count++;
      queries.add(progress_ms + service_ms, onEnd);
    },
    next() {
      return count === 0
        ? Number.POSITIVE_INFINITY
        : at_ms + Math.max(0, queries.next() - progress_ms) / speed();
    },
    take(now_ms) {
      advance(now_ms);
      count--;
      return queries.take();
    },
  };
}
