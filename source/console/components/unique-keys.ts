/** Ids as React's keys: of rows with the same id, as in a damaged journal, all but the first get a number, so that none stays on the screen. */
export function uniqueKeys(ids: readonly string[]): string[] {
  const times = new Map<string, number>();
  return ids.map(id => {
    const before = times.get(id) ?? 0;
    times.set(id, before + 1);
    return before === 0 ? id : `${id} ${before}`;
  });
}
