/** Entries that a screen needs several times over. */
const mostEntries = 2000;
/** UTF-16 units of keys. */
const mostUnits = 1_000_000;

/** A cache for texts that forgets everything once it holds too much. Ink's own keep every text ever shown. */
export function createTextCache<Value>(): {
  get(text: string): Value | undefined;
  set(text: string, value: Value): void;
} {
  const values = new Map<string, Value>();
  let units = 0;
  return {
    get: text => values.get(text),
    set(text, value) {
      if (values.size >= mostEntries || units + text.length > mostUnits) {
        values.clear();
        units = 0;
      }
      values.set(text, value);
      units += text.length;
    },
  };
}
