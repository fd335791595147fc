/** The items by their key, in the order in which the keys appear: Map.groupBy, which Node 20 lacks. */
export function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** The most frequent value, and how often it occurs; '' and 0 without items. */
export function mostOf<Item>(
  items: readonly Item[],
  read: (item: Item) => string,
): {value: string; count: number} {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(read(item), (counts.get(read(item)) ?? 0) + 1);
  const [value = '', count = 0] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? [];
  return {value, count};
}
