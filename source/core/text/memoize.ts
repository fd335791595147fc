/** Caches the result of `make` for each text; clears the cache when it holds more than `most` texts. */
export function memoize<T>(make: (text: string) => T, most: number): (text: string) => T {
  const made = new Map<string, T>();
  return text => {
    const known = made.get(text);
    if (known !== undefined) return known;
    if (made.size >= most) made.clear();
    const fresh = make(text);
    made.set(text, fresh);
    return fresh;
  };
}
