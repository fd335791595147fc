import {rolloutsOf, runsMarkdown, runsOf} from '../../cli/journal/runs.ts';
import {usageError} from '../../core/errors.ts';
import {shownValue} from '../../core/sql/secrets.ts';
import {canonicalJson, escapeJson} from '../../core/text/json.ts';
import {shownLines} from '../../core/text/reveal.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import {exportFormats} from './flags.ts';

/**
 * Renders all entries in one of `exportFormats`. `jsonl` keeps the journal's lines, so that other tools can verify the
 * chain. Throws AbortError (exit 2) for an unknown format.
 */
export function exportJournal(entries: readonly JournalEntry[], format: string): string {
  switch (format) {
    case 'jsonl':
      return entries.map(entry => escapeJson(canonicalJson(entry))).join('\n');
    case 'csv':
      return csvOf(entries);
    case 'markdown':
      return runsMarkdown(runsOf(entries, everything), rolloutsOf(entries, everything));
  }
  throw usageError(`unknown format "${format}"`, `Use --format ${exportFormats.join(', ')}.`);
}

const everything = {target: null, from_ms: -Infinity, to_ms: Infinity, run: null};

const csvColumns = [
  'seq',
  'at',
  'actor',
  'target',
  'run',
  'event',
  'recipe',
  'undoes',
  'step',
  'subject',
  'title',
  'sql',
  'values',
  'outcome',
  'row_count',
  'sqlstate',
  'message',
  'duration_ms',
  'status',
  'reason',
  'hash',
  'previous',
];

/** RFC 4180. */
function csvOf(entries: readonly JournalEntry[]): string {
  const rows = entries.map(entry => {
    const values: Record<string, unknown> = {...entry, ...contentOf(entry)};
    return csvColumns.map(column => csvCell(values[column]));
  });
  return [csvColumns, ...rows].map(row => row.join(',')).join('\r\n');
}

function contentOf(entry: JournalEntry): Record<string, unknown> {
  if (entry.event === 'rollout') return {title: entry.name};
  // `detail` is the stage's command or the reason of its phase.
  if (entry.event === 'stage') {
    const {stage, name, phase, detail} = entry;
    return {step: stage, subject: name, outcome: phase, title: detail};
  }
  if (entry.event !== 'intent') return {};
  const {subject, title} = entry.content;
  if (entry.content.kind !== 'sql') return {subject, title};
  const {text, values} = entry.content.apply;
  return {
    subject,
    title,
    sql: shownLines(text).join('\n'),
    values: escapeJson(JSON.stringify(shownValue(values))),
  };
}

/** Prefixes a quote to a cell that a spreadsheet would read as a formula, as OWASP advises. */
function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = String(value)
    .split(/\r\n|\n|\r/)
    .map(sanitise)
    .join('\n');
  const plain = typeof value === 'string' && /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
