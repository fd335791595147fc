/** Columns as wide as their widest cell: numbers to the right; column `left`, and the last one, to the left. */
export function alignColumns(rows: readonly (readonly string[])[], {left}: {left: number}): string[] {
  const count = Math.max(0, ...rows.map(row => row.length));
  const widths = Array.from({length: count}, (_, column) =>
    Math.max(...rows.map(row => row[column]?.length ?? 0)),
  );
  return rows.map(row =>
    row
      .map((cell, column) => {
        const isLeft = column === left || column === count - 1;
        return isLeft ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
      })
      .join('  ')
      .trimEnd(),
  );
}
