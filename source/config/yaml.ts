import {isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument} from 'yaml';
import type {Entry, Report} from './fields.ts';

/** The root of a YAML text whose first line is `firstLine` of its file; null if it is not valid YAML. */
export function readYaml(text: string, report: Report, firstLine = 1): Entry | null {
  const lines = new LineCounter();
  const {contents, errors} = parseDocument(text, {lineCounter: lines});
  const lineAt = (offset: number) => lines.linePos(offset).line + firstLine - 1;
  for (const {message, pos} of errors) {
    const [detail = ''] = message.split('\n');
    report(lineAt(pos[0]), `invalid YAML: ${detail.replace(/ at line \d+.*$/, '')}`);
  }
  return errors.length > 0 ? null : yamlEntry(contents, lineAt);
}

function yamlEntry(node: unknown, lineAt: (offset: number) => number): Entry {
  const line = lineAt(startOf(node));
  if (isMap(node)) {
    const entries = node.items.map(({key, value}: Pair): [string, Entry] => [
      isScalar(key) ? String(key.value) : '',
      {line: lineAt(startOf(key)), value: yamlEntry(value, lineAt).value},
    ]);
    return {line, value: new Map(entries)};
  }
  if (isSeq(node)) return {line, value: node.items.map(each => yamlEntry(each, lineAt))};
  if (!isScalar(node) || node.value === null) return {line, value: null};
  return {line, value: typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))};
}

function startOf(node: unknown): number {
  return (node as {range?: [number, number, number] | null} | null | undefined)?.range?.[0] ?? 0;
}
