/** Collects a statement's values while its text is written: each comes back as the placeholder that stands for it. */
export function createPlaceholders<Value>(): {values: Value[]; put(value: Value, type: string): string} {
  const values: Value[] = [];
  return {
    values,
    put(value, type) {
      values.push(value);
      return `$${values.length}::${type}`;
    },
  };
}
