import type {Finding} from '../../../model/recipe.ts';
import {quotedName} from '../../server/maintenance.ts';
import {quoteIdentifier} from '../../sql/quote.ts';
import type {Context} from '../context.ts';
import {namesRelation} from './failing-obstacles.ts';
import {base, before, describe, explained, isSlower, type Slow} from './slow-finding.ts';
import {scannedForFew} from './slow-tables.ts';

/** A policy filters the rows of a table that it reads, by columns with which no index begins: the statement's text does not name them. */
export function rowSecurity(slow: Slow, context: Context): Finding | null {
  const {query, usename} = slow.history.statement;
  const scanned = isSlower(slow.history) ? scannedForFew(slow) : null;
  if (scanned === null || query === null || usename === null) return null;
  const policy = (context.facts.maintenance?.table_facts?.row_policies ?? []).find(
    ({schema, table, is_only_name, columns, is_indexed, roles}) =>
      namesRelation(query, {schema, name: table, is_only_name}) &&
      columns.length > 0 &&
      !is_indexed &&
      roles.includes(usename),
  );
  if (policy === undefined) return null;
  const {schema, table, name} = policy;
  const columns = policy.columns.join(', ');
  return {
    ...base(slow, context),
    recipe: 'row-security',
    summary: `${describe(slow)}: it reads ${scanned}: row-level security of ${table} filters them by ${columns} (policy ${name}), and no index begins with that`,
    cause: 'row-security',
    explains: explained(slow),
    confidence: 'likely',
    reasons: [
      `The condition of policy ${name} is added to each statement on ${table} by role ${usename}; the text of the statement does not show it.`,
      ...before(slow),
    ],
    acts: [
      {
        recipe: null,
        params: {},
        title: `CREATE INDEX CONCURRENTLY ON ${quotedName({schema, name: table})} (${policy.columns.map(quoteIdentifier).join(', ')}), and after these what the statement filters or sorts by`,
        frees: 'faster as soon as the statement is planned again',
        costs: 'an index takes space, and each write maintains it',
      },
      {
        recipe: null,
        params: {},
        title:
          'let the policy compare the column with a value that is computed once: = (SELECT current_setting(...)), no function of the row',
        frees: null,
        costs: 'ALTER POLICY: an ACCESS EXCLUSIVE lock for a moment',
      },
    ],
  };
}
