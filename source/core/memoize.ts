/** The same answer for the same text, made once; what was made is forgotten whole when there are more than `most`. */
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
