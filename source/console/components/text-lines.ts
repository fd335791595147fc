import {formatAge, formatBytes, formatRatio} from '../../core/text/format.ts';
import {type Line, line, type Role, span, wrapText} from '../screen/line.ts';

/** The title of a part of a page. */
export function heading(title: string): Line {
  return line(span(`  ${title}`, 'heading'));
}

/** Text indented by two cells, wrapped to the page. */
export function paragraph(text: string, width: number, role: Role = 'plain'): Line[] {
  return indented(text, width, 2, role);
}

/** Text wrapped, with `indent` cells at the left and two at the right. */
export function indented(text: string, width: number, indent: number, role: Role = 'plain'): Line[] {
  return wrapText(text, width - indent - 2).map(part => line(span(' '.repeat(indent) + part, role)));
}

/** A sign, and the wrapped text beside it. */
export function signed(sign: string, signRole: Role, text: string, width: number, role: Role): Line[] {
  return wrapText(text, width - 6).map((part, index) =>
    index === 0 ? line(span(`  ${sign} `, signRole), span(part, role)) : line(`    ${part}`),
  );
}

/** Names and values in two columns. */
export function facts(pairs: [name: string, value: string][], width: number): Line[] {
  return pairs.flatMap(([name, value]) =>
    wrapText(value, width - 18).map((part, index) =>
      line(span(`  ${(index === 0 ? name : '').padEnd(14)}`, 'muted'), part),
    ),
  );
}

/** Formats a value by the unit in its name (`_ms`, `_bytes`, `_ratio`) and drops the unit from the name. */
export function withUnit(
  name: string,
  value: string | number | boolean | null,
): {name: string; text: string} {
  const [, bare = name, unit] = /^(.*)_(ms|bytes|ratio)$/.exec(name) ?? [];
  if (typeof value !== 'number' || unit === undefined) return {name, text: String(value ?? '-')};
  const format = {ms: formatAge, bytes: formatBytes, ratio: formatRatio}[unit as 'ms' | 'bytes' | 'ratio'];
  return {name: bare, text: format(value)};
}

const shortestRemark = 8;

/**
 * At most `width` characters: first the longest text in brackets is cut, then
 * the middle, because the end of a sentence says what follows from it.
 */
export function shorten(text: string, width: number, ellipsis: string): string {
  if (text.length <= width) return text;
  const [remark = ''] = [...(text.match(/\([^()]*\)/g) ?? [])].sort((a, b) => b.length - a.length);
  const left = remark.length - (text.length - width);
  if (left >= shortestRemark) return text.replace(remark, `${remark.slice(0, left - 2)}${ellipsis})`);
  const tail = text.slice(-Math.floor(width / 3)).replace(/^\S*\s/, '');
  const head = text.slice(0, Math.max(0, width - tail.length - ellipsis.length - 1)).trimEnd();
  return `${head}${ellipsis} ${tail}`;
}
