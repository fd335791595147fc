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

/** Caches the result of `make` for each object, for as long as that exists: what follows from data that is read rarely and looked at often. */
export function memoizeByObject<Of extends object, T>(make: (of: Of) => T): (of: Of) => T {
  const made = new WeakMap<Of, {value: T}>();
  return of => {
    let known = made.get(of);
    if (known === undefined) {
      known = {value: make(of)};
      made.set(of, known);
    }
    return known.value;
  };
}
