/** A priority queue by due time. Entries due at the same time keep the order in which they were added. */
export type Heap<Item> = {
  add(due: number, item: Item): void;
  /** When the first entry is due; Infinity for an empty queue. */
  next(): number;
  take(): Item | undefined;
};

type Entry<Item> = {due: number; order: number; item: Item};

export function createHeap<Item>(): Heap<Item> {
  const entries: Entry<Item>[] = [];
  let count = 0;
  const isBefore = (a: Entry<Item>, b: Entry<Item>) =>
    a.due < b.due || (a.due === b.due && a.order < b.order);
  const swapIfBefore = (lower: number, upper: number): boolean => {
    const [a, b] = [entries[lower], entries[upper]];
    if (a === undefined || b === undefined || !isBefore(a, b)) return false;
    entries[lower] = b;
    entries[upper] = a;
    return true;
  };
  return {
    add(due, item) {
      let at = entries.push({due, order: count++, item}) - 1;
      while (at > 0 && swapIfBefore(at, (at - 1) >> 1)) at = (at - 1) >> 1;
    },
    next: () => entries[0]?.due ?? Number.POSITIVE_INFINITY,
    take() {
      const [first] = entries;
      const last = entries.pop();
      if (first === undefined || last === undefined || first === last) return first?.item;
      entries[0] = last;
      let at = 0;
      for (;;) {
        const left = 2 * at + 1;
        const [a, b] = [entries[left], entries[left + 1]];
        const child = a !== undefined && b !== undefined && isBefore(b, a) ? left + 1 : left;
        if (!swapIfBefore(child, at)) return first.item;
        at = child;
      }
    },
  };
}

export type Server = {
  begin(now_ms: number, service_ms: number, onEnd: () => void): void;
  /** When the next query ends, if no other begins first; Infinity if none runs. */
  next(): number;
  /** Ends that query and returns its `onEnd`. */
  take(now_ms: number): (() => void) | undefined;
};

/**
 * A server that runs up to `parallelism` queries at full speed and shares that capacity equally among more. Counts progress
 * in virtual time, in which a query's end is known when it begins.
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
