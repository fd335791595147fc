import {withoutLeadingComments} from '../sql/leading-comments.ts';
import {changedTable} from './locked-object.ts';

/** `INSERT INTO readings` of a statement that writes rows, without its values; null for another one. */
export function writingStatement(query: string | null): string | null {
  const text = withoutLeadingComments(query ?? '');
  const verb = /^(insert|update|delete|merge|with)\b/i.exec(text)?.[1]?.toUpperCase();
  if (verb === undefined) return null;
  if (verb === 'MERGE')
    return `MERGE INTO ${/^merge\s+into\s+([\w."$]+)/i.exec(text)?.[1]?.replaceAll('"', '') ?? '?'}`;
  const table = changedTable(text);
  if (verb !== 'WITH') return table === null ? null : `${words[verb]} ${table}`;
  const inner = /\b(insert\s+into|delete\s+from|update)\s+[\w."$]+/i
    .exec(text)?.[1]
    ?.split(/\s+/)[0]
    ?.toUpperCase();
  return inner === undefined || table === null ? null : `${words[inner]} ${table}`;
}

const schemaStatement =
  /^\s*(?:create(?!\s+(?:global\s+|local\s+)?temp)|alter|drop|truncate|reindex|cluster|refresh|vacuum\s*(?:\(\s*)?full)\b/i;

/** Whether it changes what other sessions see of the schema; a temporary table is its session's own. */
export function isSchemaChange(query: string | null): boolean {
  return schemaStatement.test(query ?? '');
}

const words: Record<string, string> = {INSERT: 'INSERT INTO', UPDATE: 'UPDATE', DELETE: 'DELETE FROM'};
