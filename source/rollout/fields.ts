import {isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap} from 'yaml';
import {parseDurationMs} from '../core/text/duration.ts';
import {didYouMean} from '../core/text/nearest.ts';

/** Tells of a mistake at an offset in the file. */
export type Report = (offset: number, message: string) => void;

/** A mapping's members, each read as what it is to be; a mistake is told once, and the reading goes on. */
export type Fields = {
  offset: number;
  has(key: string): boolean;
  /** As it was typed, `80%` or `10`; null where it is missing. */
  text(key: string): string | null;
  required(key: string): string;
  duration_ms(key: string, range: {least: number; most: number}): number | null;
  boolean(key: string): boolean;
  /** Every member of a mapping as text, or as a list's texts joined by commas. */
  entries(key: string): {key: string; value: string; offset: number}[];
};

/** The members of `node`, which is to be a mapping with no others than `known`. */
export function fieldsOf(node: unknown, known: readonly string[], report: Report): Fields {
  const offset = offsetOf(node);
  const map = isMap(node) ? node : null;
  if (map === null) report(offset, `here is to be a mapping of ${known.join(', ')}`);
  refuseOthers(map, known, report);
  const pairOf = (key: string) => map?.items.find(pair => keyOf(pair) === key);
  const text = (key: string) => {
    const pair = pairOf(key);
    if (pair === undefined) return null;
    const written = textOf(pair.value);
    if (written === null) report(offsetOf(pair.key), `${key} is no text`);
    return written;
  };
  return {
    offset,
    has: key => pairOf(key) !== undefined,
    text,
    required(key) {
      if (pairOf(key) === undefined) report(offset, `${key} is missing`);
      return text(key) ?? '';
    },
    duration_ms(key, {least, most}) {
      const written = text(key);
      if (written === null) return null;
      const ms = parseDurationMs(written);
      if (ms !== null && ms >= least && ms <= most) return ms;
      report(
        offsetOf(pairOf(key)?.key),
        `${key} wants a duration such as 30s, 10min or 2h, from ${least / 1000}s to ${most / 1000}s`,
      );
      return null;
    },
    boolean(key) {
      const written = text(key);
      if (written !== null && !/^(true|false)$/.test(written)) {
        report(offsetOf(pairOf(key)?.key), `${key} is true or false`);
      }
      return written === 'true';
    },
    entries(key) {
      const value = pairOf(key)?.value;
      if (isMap(value)) return value.items.map(toEntry);
      if (value !== undefined) report(offsetOf(pairOf(key)?.key), `${key} is to be names and their values`);
      return [];
    },
  };
}

function toEntry(pair: Pair): {key: string; value: string; offset: number} {
  const {value} = pair;
  const parts = isSeq(value) ? value.items.map(each => textOf(each) ?? '') : [textOf(value) ?? ''];
  return {key: keyOf(pair), value: parts.join(','), offset: offsetOf(pair.key)};
}

function refuseOthers(map: YAMLMap | null, known: readonly string[], report: Report): void {
  for (const pair of map?.items ?? []) {
    const key = keyOf(pair);
    if (known.includes(key)) continue;
    const hint = didYouMean(key, known) || `, only ${known.join(', ')}`;
    report(offsetOf(pair.key), `there is no "${key}" here${hint}`);
  }
}

function keyOf({key}: Pair): string {
  return isScalar(key) ? String(key.value) : '';
}

function offsetOf(node: unknown): number {
  return (node as Node | null | undefined)?.range?.[0] ?? 0;
}

function textOf(value: unknown): string | null {
  if (!isScalar(value) || value.value === null) return null;
  return typeof value.value === 'string' ? value.value : (value.source ?? String(value.value));
}
