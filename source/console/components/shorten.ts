const shortestRemark = 8;

/**
 * At most `width` characters: first the longest text in brackets is cut, then
 * the middle, because the end of a sentence says what follows from it.
 */
export function shorten(text: string, width: number, ellipsis: string): string {
  if (text.length <= width) return text;
  const [remark = ''] = [...(text.match(/\([^()]*\)/g) ?? [])].sort((a, b) => b.length - a.length);
  const left = remark.length - (text.length - width);
  if (left >= shortestRemark) return text.replace(remark, () => `${remark.slice(0, left - 2)}${ellipsis})`);
  const tail = text.slice(-Math.floor(width / 3)).replace(/^\S*\s/, '');
  const head = text.slice(0, Math.max(0, width - tail.length - ellipsis.length - 1)).trimEnd();
  return `${head}${ellipsis} ${tail}`;
}
