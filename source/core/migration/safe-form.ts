import type {AlterTableCmd, AlterTableStmt, Constraint, Node} from 'libpg-query';
import {quoteIdentifier} from '../sql/quote.ts';
import {type SqlToken, sqlTokens} from '../sql/tokens.ts';
import {commandsOf} from './alter-table.ts';
import {typeText} from './column-type.ts';
import type {Effect, Remedy} from './effect.ts';
import {stringsOf} from './schema-state.ts';

const timeout = "SET lock_timeout = '2s';";

/**
 * Statements that come to the same and block others only for moments, each to be run in a transaction of its own; null if
 * poolctl knows none.
 */
export function safeForm(sql: string, node: Node, {remedies}: Pick<Effect, 'remedies'>): string | null {
  const has = (kind: Remedy['kind']) => remedies.some(each => each.kind === kind);
  if (remedies.length === 0) return null;
  if ('AlterTableStmt' in node) return safeAlterTable(sql, node.AlterTableStmt, remedies);
  if (has('contract')) return contract([`${sql};`]);
  if ('CreateStmt' in node && has('attach')) return attachInstead(sql);
  return has('concurrently') ? concurrent(sql, node) : null;
}

function contract(statements: readonly string[]): string {
  const expand =
    '-- First deploy a version of the application that no longer uses it (to rename: add the new name, write both, copy, then read the new one).';
  return [expand, timeout, ...statements].join('\n');
}

/** CONCURRENTLY follows the kind of object: INDEX, TABLE or VIEW. */
function concurrent(sql: string, node: Node): string | null {
  const tokens = sqlTokens(sql);
  const at = tokens.findIndex(
    (token, index) => index > 0 && token.kind === 'word' && /^(?:index|table|view)$/i.test(token.text),
  );
  if (at === -1) return null;
  const [before, after] = [textOf(tokens.slice(0, at + 1)), textOf(tokens.slice(at + 1))];
  // Not within parentheses: REINDEX (VERBOSE) TABLE t.
  const statement = `${before} CONCURRENTLY${after};`;
  if (!('DropStmt' in node)) return statement;
  const names = splitAtCommas(after);
  return names.map(name => `${before} CONCURRENTLY ${name};`).join('\n');
}

/** Made apart, and attached: the parent stays readable and writable. */
function attachInstead(sql: string): string | null {
  const found =
    /^(create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?)(\S+)\s+partition\s+of\s+(\S+)\s+((?:for\s+values|default)\b.*)$/is.exec(
      sql,
    );
  if (found === null || /\bpartition\s+by\b/i.test(sql)) return null;
  const [, create, name, parent, bound] = found;
  return [
    `${create}${name} (LIKE ${parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);`,
    timeout,
    `ALTER TABLE ${parent} ATTACH PARTITION ${name} ${bound};`,
  ].join('\n');
}

function safeAlterTable(sql: string, statement: AlterTableStmt, remedies: readonly Remedy[]): string | null {
  const commands = commandsOf(statement);
  const split = commandTexts(sql, statement.relation?.relname ?? '');
  if (split === null || split.texts.length !== commands.length) return null;
  const {head, name, texts} = split;
  const table: TableText = {head, name, bare: statement.relation?.relname ?? ''};
  const all = commands.map((command, index) => saferCommand(command, texts[index] ?? '', table, remedies));
  if (all.some(each => each === null)) return null;
  const written = all.flatMap(each => each ?? []);
  const isContract = remedies.some(({kind}) => kind === 'contract');
  return isContract ? contract(written) : [timeout, ...written].join('\n');
}

type TableText = {
  /** `ALTER TABLE ONLY public.orders` */
  head: string;
  /** `public.orders` */
  name: string;
  bare: string;
};

/** The statements for one subcommand; null if none is safe. */
function saferCommand(
  {subtype, name = '', def, behavior: _}: AlterTableCmd,
  text: string,
  table: TableText,
  remedies: readonly Remedy[],
): string[] | null {
  const has = (kind: Remedy['kind'], column?: string) =>
    remedies.find(
      each => each.kind === kind && (column === undefined || ('column' in each && each.column === column)),
    );
  if (subtype === 'AT_AddConstraint' && def !== undefined && 'Constraint' in def)
    return saferConstraint(def.Constraint, text, table);
  if (subtype === 'AT_SetNotNull' && has('not-null', name)) return notNull(name, table);
  if (subtype === 'AT_AlterColumnType') {
    const remedy = has('new-column', name);
    return remedy?.kind === 'new-column' ? newColumn(name, remedy.type, table) : [`${table.head} ${text};`];
  }
  if (subtype === 'AT_AddColumn' && def !== undefined && 'ColumnDef' in def) {
    const {colname = '', typeName, constraints = []} = def.ColumnDef;
    if (has('volatile-default', colname) === undefined) {
      const isPlain = constraints.every(
        each => !('Constraint' in each) || plain.has(each.Constraint.contype ?? ''),
      );
      return isPlain ? [`${table.head} ${text};`] : null;
    }
    return typeName === undefined ? null : filledLater(colname, typeText(typeName), text, table, constraints);
  }
  if (subtype === 'AT_DetachPartition') return [`${table.head} ${text} CONCURRENTLY;`];
  if (subtype === 'AT_AttachPartition') return null;
  return [`${table.head} ${text};`];
}

const plain = new Set(['CONSTR_NULL', 'CONSTR_NOTNULL', 'CONSTR_DEFAULT', 'CONSTR_FOREIGN']);

function saferConstraint(
  constraint: Constraint,
  text: string,
  {head, name, bare}: TableText,
): string[] | null {
  const {contype, conname, skip_validation, indexname, keys, fk_attrs, including, deferrable, initdeferred} =
    constraint;
  if (skip_validation || indexname !== undefined) return [`${head} ${text};`];
  const columns = stringsOf(contype === 'CONSTR_FOREIGN' ? fk_attrs : keys);
  const suffix = {CONSTR_FOREIGN: 'fkey', CONSTR_UNIQUE: 'key', CONSTR_PRIMARY: 'pkey'} as Record<
    string,
    string
  >;
  const ending = suffix[contype ?? ''] ?? 'check';
  const own = contype === 'CONSTR_PRIMARY' ? [bare, ending] : [bare, ...columns, ending];
  const quoted = quoteIdentifier(conname ?? own.join('_').slice(0, 63));
  if (contype === 'CONSTR_UNIQUE' || contype === 'CONSTR_PRIMARY') {
    const list = (nodes: Node[] | undefined) => stringsOf(nodes).map(quoteIdentifier).join(', ');
    const include = including === undefined ? '' : ` INCLUDE (${list(including)})`;
    const distinct = constraint.nulls_not_distinct ? ' NULLS NOT DISTINCT' : '';
    const when = deferrable ? ` DEFERRABLE${initdeferred ? ' INITIALLY DEFERRED' : ''}` : '';
    const kind = contype === 'CONSTR_UNIQUE' ? 'UNIQUE' : 'PRIMARY KEY';
    return [
      ...(contype === 'CONSTR_PRIMARY' ? columns.flatMap(column => notNull(column, {head, name, bare})) : []),
      `CREATE UNIQUE INDEX CONCURRENTLY ${quoted} ON ${name} (${list(keys)})${include}${distinct};`,
      `${head} ADD CONSTRAINT ${quoted} ${kind} USING INDEX ${quoted}${when};`,
    ];
  }
  if (contype !== 'CONSTR_FOREIGN' && contype !== 'CONSTR_CHECK' && contype !== 'CONSTR_NOTNULL') return null;
  const named = conname === undefined ? text.replace(/^add\s+/i, `ADD CONSTRAINT ${quoted} `) : text;
  return [`${head} ${named} NOT VALID;`, `${head} VALIDATE CONSTRAINT ${quoted};`];
}

/** SET NOT NULL reads no table that a valid CHECK constraint covers (PostgreSQL 12). */
function notNull(column: string, {head, bare}: TableText): string[] {
  const check = quoteIdentifier(`${bare}_${column}_not_null`.slice(0, 63));
  const quoted = quoteIdentifier(column);
  return [
    `${head} ADD CONSTRAINT ${check} CHECK (${quoted} IS NOT NULL) NOT VALID;`,
    `${head} VALIDATE CONSTRAINT ${check};`,
    `${head} ALTER COLUMN ${quoted} SET NOT NULL;`,
    `${head} DROP CONSTRAINT ${check};`,
  ];
}

/** Expand and contract. */
function newColumn(column: string, type: string, {head, name}: TableText): string[] {
  const [old, next] = [quoteIdentifier(column), quoteIdentifier(`${column}_new`)];
  return [
    `${head} ADD COLUMN ${next} ${type};`,
    '-- Deploy the application that writes both columns. Then, until no row is left:',
    `UPDATE ${name} SET ${next} = ${old}::${type} WHERE ctid = ANY (ARRAY(`,
    `  SELECT ctid FROM ${name} WHERE ${next} IS NULL AND ${old} IS NOT NULL LIMIT 5000));`,
    '-- Deploy the application that uses only the new column. Then:',
    `${head} DROP COLUMN ${old};`,
  ];
}

/** A new column with a volatile default: added empty, filled in batches. */
function filledLater(
  column: string,
  type: string,
  text: string,
  table: TableText,
  constraints: readonly Node[],
): string[] | null {
  const kinds = constraints.flatMap(node => ('Constraint' in node ? (node.Constraint.contype ?? []) : []));
  if (kinds.some(kind => !['CONSTR_DEFAULT', 'CONSTR_NOTNULL', 'CONSTR_NULL'].includes(kind))) return null;
  const value = defaultText(text);
  if (value === null) return null;
  const {head, name} = table;
  const quoted = quoteIdentifier(column);
  return [
    `${head} ADD COLUMN ${quoted} ${type};`,
    `${head} ALTER COLUMN ${quoted} SET DEFAULT ${value};`,
    '-- Until no row is left:',
    `UPDATE ${name} SET ${quoted} = DEFAULT WHERE ctid = ANY (ARRAY(`,
    `  SELECT ctid FROM ${name} WHERE ${quoted} IS NULL LIMIT 5000));`,
    ...(kinds.includes('CONSTR_NOTNULL') ? notNull(column, table) : []),
  ];
}

/** The expression after DEFAULT, to the next constraint of the column. */
function defaultText(text: string): string | null {
  const tokens = sqlTokens(text);
  const at = tokens.findIndex(token => token.kind === 'word' && /^default$/i.test(token.text));
  if (at === -1) return null;
  let depth = 0;
  const rest = tokens.slice(at + 1);
  const end = rest.findIndex(token => {
    depth += depthOf(token);
    return depth === 0 && token.kind === 'word' && /^(?:not|null|constraint|collate)$/i.test(token.text);
  });
  return textOf(end === -1 ? rest : rest.slice(0, end)).trim();
}

/** `ALTER TABLE [IF EXISTS] [ONLY] name [*]` and the subcommands after it; null if it is written in another way. */
function commandTexts(sql: string, relname: string): {head: string; name: string; texts: string[]} | null {
  const tokens = sqlTokens(sql).filter(({kind}) => kind !== 'comment');
  const start = tokens.findIndex(
    ({kind, text}, index) =>
      index > 2 &&
      (kind === 'quoted'
        ? text.slice(1, -1).replaceAll('""', '"') === relname
        : kind === 'word' && text.toLowerCase() === relname) &&
      tokens[index + 1]?.text !== '.',
  );
  if (start === -1) return null;
  const head = textOf(tokens.slice(0, start + 1))
    .replace(/\s+/g, ' ')
    .trim();
  const name = /^alter table (?:if exists )?(?:only )?(.*)$/i.exec(head)?.[1];
  if (name === undefined) return null;
  return {head, name, texts: splitAtCommas(textOf(tokens.slice(start + 1)).replace(/^\s*\*/, ''))};
}

function splitAtCommas(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const token of sqlTokens(text)) {
    depth += depthOf(token);
    if (token.text === ',' && depth === 0) parts.push('');
    else parts.push(`${parts.pop() ?? ''}${token.text}`);
  }
  return parts.map(part => part.trim());
}

function depthOf({kind, text}: SqlToken): number {
  if (kind !== 'mark') return 0;
  return text === '(' || text === '[' ? 1 : text === ')' || text === ']' ? -1 : 0;
}

function textOf(tokens: readonly SqlToken[]): string {
  return tokens.map(({text}) => text).join('');
}
