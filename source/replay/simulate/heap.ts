/** What is due first comes out first; of what is due at once, what went in first. */
export type Heap<Item> = {
  add(due: number, item: Item): void;
  /** When the first is due; Infinity where there is none. */
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
