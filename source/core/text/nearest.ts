/** The word that was probably meant: the one fewest slips away, two at most; undefined where none is near. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  const slips = (word: string) => distance(typed.toLowerCase(), word);
  const [first] = [...words].sort((a, b) => slips(a) - slips(b));
  return first !== undefined && slips(first) <= Math.min(2, first.length / 2) ? first : undefined;
}

/** Letters to add, leave out, exchange or swap with their neighbour (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows = [Array.from({length: b.length + 1}, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (isSame ? 0 : 1),
          isSwapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(a.length, b.length);
}

/** `: did you mean "x"?`, or '' where no word is near. */
export function didYouMean(typed: string, words: readonly string[]): string {
  const word = nearest(typed, words);
  return word === undefined ? '' : `: did you mean "${word}"?`;
}
