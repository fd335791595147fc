import type {WaitSample} from '../../model/assessment.ts';
import type {Backend, LockWait} from '../../model/snapshot.ts';
import {mostOf} from '../group-by.ts';

/** Sessions that wait for a transaction or a tuple wait for a row. */
export const rowLocks: readonly string[] = ['transactionid', 'tuple'];

/**
 * What a session waits for, by name: `row of public.orders`, `relation public.orders`. Where the server was not asked yet,
 * the table that its statement changes.
 */
export function lockedObject(
  {object, locktype, relation}: Pick<LockWait, 'object' | 'locktype' | 'relation'>,
  backend: Pick<Backend, 'query'> | undefined,
): string {
  if (object !== undefined) return object;
  if (locktype === 'object' && notifies.test(backend?.query ?? '')) return 'NOTIFY';
  if (!rowLocks.includes(locktype)) return relation === null ? locktype : `${locktype} ${relation}`;
  const table = relation ?? changedTable(backend?.query ?? '');
  return table === null ? 'a row' : `row of ${table}`;
}

/** A commit requests no other lock on an object than the one of its notifications (PreCommit_Notify in async.c). */
const notifies = /^\s*(?:commit|end|notify)\b|\bpg_notify\s*\(/i;

/** To compare objects of several readings: the name of a table may lack its schema and its quotes while the server was not asked. */
export function withoutSchema(object: string): string {
  return object.replaceAll('"', '').replace(/ [^ .]+\.(?=[^ .]+$)/, ' ');
}

/** The table of an INSERT, UPDATE, DELETE or SELECT ... FOR UPDATE, as written; null if it is not known. */
export function changedTable(statement: string): string | null {
  const name = '((?:"[^"]+"|[\\w$]+)(?:\\.(?:"[^"]+"|[\\w$]+))?)';
  const found = new RegExp(
    `\\b(?:insert\\s+into|update(?:\\s+only)?|delete\\s+from(?:\\s+only)?)\\s+${name}`,
    'i',
  ).exec(statement);
  const selected = /\bfor\s+(?:no\s+key\s+)?(?:update|share|key\s+share)\b/i.test(statement)
    ? new RegExp(`\\bfrom\\s+${name}`, 'i').exec(statement)
    : null;
  return (found ?? selected)?.[1]?.replaceAll('"', '') ?? null;
}

/**
 * The condition `column = number` that most of the statements share. A snapshot's statements hold no other literals
 * (sql/shown-sql.ts masks strings).
 */
export function sharedCondition(statements: readonly string[]): WaitSample['condition'] {
  const conditions = statements.flatMap(sql => [...new Set(conditionsOf(sql))]);
  const {value, count} = mostOf(conditions, text => text);
  return count * 2 > statements.length && count > 1 ? {text: value, count} : null;
}

function conditionsOf(sql: string): string[] {
  const where = /\bwhere\b([\s\S]*)/i.exec(sql)?.[1] ?? '';
  return [...where.matchAll(/(?:"((?:[^"]|"")+)"|\b([\w$]+))\s*=\s*(\d{1,19})\b(?!\.)/g)].flatMap(
    ([, quoted, bare, value = '']) => {
      const column = quoted ?? bare ?? '';
      return isPlainKey(column, value) ? [`${column} = ${value}`] : [];
    },
  );
}

/** An id, or a short number: a longer one may be a phone or card number. */
function isPlainKey(column: string, value: string): boolean {
  return /(?:^|_)id$|[a-z]I[dD]$/.test(column) || value.length <= 6;
}
