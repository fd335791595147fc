import {memoize} from '../text/memoize.ts';
import {redactLiterals} from './shown-sql.ts';

/**
 * A statement in a few words, without data: `UPDATE orders`, `ALTER TABLE public.orders`, `CREATE INDEX on orders`,
 * `a SELECT`. '' for no statement.
 */
export function statementName(sql: string | null): string {
  return sql === null ? '' : nameOfText(sql.slice(0, maxRead));
}

/** Hundreds of sessions run the same few statements, in every reading. */
const nameOfText = memoize(nameStatement, 1000);

function nameStatement(sql: string): string {
  const text = redactLiterals(sql);
  if (text === '') return '';
  const selected = /^(?:\(\s*)?select\b/i.test(text);
  const locking = selected && /\bfor\s+(?:no\s+key\s+)?(?:update|share|key\s+share)\b/i.exec(text);
  if (locking) {
    const from = new RegExp(`\\bfrom\\s+(?:only\\s+)?(${name})`, 'i').exec(text)?.[1];
    return `SELECT ${locking[0].toUpperCase().replace(/\s+/g, ' ')}${from === undefined ? '' : ` of ${plain(from)}`}`;
  }
  for (const [pattern, words] of patterns) {
    const found = pattern.exec(text);
    if (found !== null) return words.replace('NAME', plain(found[1] ?? '')).trim();
  }
  if (selected || /^with\b/i.test(text)) return changeIn(text) ?? 'a SELECT';
  const words = /^(?:(?:create|alter|drop|reset|set)\s+)?[a-z]{1,20}\b/i.exec(text);
  return (words?.[0] ?? 'a statement').toUpperCase();
}

/**
 * Whether a statement does an application's work: no utility or maintenance statement (VACUUM, COPY, CREATE INDEX), and none whose
 * time is a wait by intent. An unknown text counts as work.
 */
export function isWork(sql: string | null): boolean {
  if (sql === null) return true;
  const text = sql.slice(0, maxRead).replace(/^(?:\s+|--.*\n|\/\*[\s\S]*?\*\/|\()+/, '');
  return (
    /^(?:select|insert|update|delete|merge|with|values|table|execute|call|do)\b/i.test(text) &&
    !waits.test(text)
  );
}

const waits =
  /\b(?:pg_sleep(?:_for|_until)?|pg_advisory_(?:xact_)?lock(?:_shared)?|pg_(?:wal_replay_wait|promote))\s*\(/i;

const maxRead = 2000;
/** A longer name is cut off. */
export const maxWords = 40;

const part = '(?:"(?:[^"]|"")+"|[\\w$]+)';
/** A name as written, perhaps with its schema. */
const name = `${part}(?:\\.${part})*`;

const patterns: [RegExp, string][] = (
  [
    [/^update\s+(?:only\s+)?(NAME)/, 'UPDATE NAME'],
    [/^delete\s+from\s+(?:only\s+)?(NAME)/, 'DELETE FROM NAME'],
    [/^insert\s+into\s+(NAME)/, 'INSERT INTO NAME'],
    [/^merge\s+into\s+(?:only\s+)?(NAME)/, 'MERGE INTO NAME'],
    [/^copy\s+(NAME)/, 'COPY NAME'],
    [/^truncate\s+(?:table\s+)?(?:only\s+)?(NAME)/, 'TRUNCATE NAME'],
    [/^lock\s+(?:table\s+)?(?:only\s+)?(NAME)/, 'LOCK TABLE NAME'],
    [/^alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(NAME)/, 'ALTER TABLE NAME'],
    [/^alter\s+index\s+(?:if\s+exists\s+)?(NAME)/, 'ALTER INDEX NAME'],
    [/^drop\s+table\s+(?:if\s+exists\s+)?(NAME)/, 'DROP TABLE NAME'],
    [/^drop\s+index\s+concurrently\s+(?:if\s+exists\s+)?(NAME)/, 'DROP INDEX CONCURRENTLY NAME'],
    [/^drop\s+index\s+(?:if\s+exists\s+)?(NAME)/, 'DROP INDEX NAME'],
    [/^drop\s+(?:trigger|policy|rule)\b.*?\bon\s+(NAME)/, 'DROP TRIGGER on NAME'],
    [
      /^create\s+(?:unique\s+)?index\s+concurrently\b.*?\bon\s+(?:only\s+)?(NAME)/,
      'CREATE INDEX CONCURRENTLY on NAME',
    ],
    [/^create\s+(?:unique\s+)?index\b.*?\bon\s+(?:only\s+)?(NAME)/, 'CREATE INDEX on NAME'],
    [/^create\s+(?:or\s+replace\s+)?(?:constraint\s+)?trigger\b.*?\bon\s+(NAME)/, 'CREATE TRIGGER on NAME'],
    [/^reindex\s+(?:\([^)]*\)\s*)?(?:table|index)\s+(?:concurrently\s+)?(NAME)/, 'REINDEX NAME'],
    [/^cluster\s+(?:\([^)]*\)\s*)?(?:verbose\s+)?(NAME)/, 'CLUSTER NAME'],
    [/^repack\s+(?:\([^)]*\)\s*)?(?:verbose\s+)?(NAME)/, 'REPACK NAME'],
    [/^vacuum\s+(?:full|\([^)]*\bfull\b[^)]*\))\s+(?:verbose\s+)?(?:analyze\s+)?(NAME)/, 'VACUUM FULL NAME'],
    [/^vacuum\s+(?:\([^)]*\)\s*)?(?:verbose\s+)?(?:analyze\s+)?(NAME)/, 'VACUUM NAME'],
    [/^analyze\s+(?:\([^)]*\)\s*)?(?:verbose\s+)?(NAME)/, 'ANALYZE NAME'],
    [/^refresh\s+materialized\s+view\s+(?:concurrently\s+)?(NAME)/, 'REFRESH MATERIALIZED VIEW NAME'],
  ] satisfies [RegExp, string][]
).map(([pattern, words]) => [new RegExp(pattern.source.replace('NAME', name), 'is'), words]);

/** Of a query that begins with WITH: what it changes. */
function changeIn(text: string): string | null {
  const found = new RegExp(`\\b(update|delete\\s+from|insert\\s+into)\\s+(?:only\\s+)?(${name})`, 'i').exec(
    text,
  );
  if (found === null) return null;
  return `${(found[1] ?? '').toUpperCase().replace(/\s+/g, ' ')} ${plain(found[2] ?? '')}`;
}

/** Without quotes, as a sentence names it. */
function plain(written: string): string {
  return written.replaceAll('"', '').slice(0, maxWords);
}

/** Whether it takes a lock that readers or writers of the table wait for: schema changes, LOCK, VACUUM FULL and the like. */
export function changesSchema(sql: string | null): boolean {
  return /^\s*(?:alter|drop|truncate|create|reindex|cluster|repack|refresh|lock|vacuum)\b/i.test(sql ?? '');
}
