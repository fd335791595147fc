import type {Act, Finding} from '../../../model/recipe.ts';
import type {MissingPrivilege} from '../../../model/server-facts.ts';
import {quotedName} from '../../server/maintenance.ts';
import {quoteIdentifier} from '../../sql/quote.ts';
import {type SqlToken, sqlTokens} from '../../sql/tokens.ts';
import {counted} from '../../text/format.ts';
import {memoize} from '../../text/memoize.ts';
import type {Context} from '../context.ts';
import {tablesOf} from '../statement-history.ts';
import {advice, nameStatement} from './failing-part.ts';
import type {UncountedStatement} from './failing-signs.ts';
import {insertsInto} from './sequence-state.ts';

/** Why a statement fails each time, as the catalog has it. */
export type Obstacle = Pick<Finding, 'recipe' | 'cause' | 'confidence'> & {
  statement: UncountedStatement;
  text: string;
  reason: string;
  acts: Act[];
};

/** Of statements that begin again and again and never complete, those that the catalog says cannot. */
export function obstaclesTo(statements: readonly UncountedStatement[], {facts}: Context): Obstacle[] {
  if (facts.obstacles === undefined) return [];
  const {privileges, required_columns} = facts.obstacles;
  return statements.flatMap(statement => {
    const privilege = privileges.find(each => isLackedBy(each, statement));
    if (privilege !== undefined) return privilegeObstacle(statement, privilege);
    const named = insertedColumns(statement.query);
    const missing = required_columns.filter(
      ({schema, table, name}) =>
        named !== null && !named.has(name) && insertsInto(statement.query, {schema, name: table}),
    );
    return missing.length === 0 ? [] : columnObstacle(statement, missing);
  });
}

/** A missing privilege on a schema is an error before the statement is planned: it has no id then. */
function isLackedBy({role, kind, schema, name, table}: MissingPrivilege, statement: UncountedStatement) {
  if (role !== statement.usename || kind === 'schema') return false;
  if (kind === 'sequence') return insertsInto(statement.query, {schema, name: table ?? ''});
  return tablesOf(statement.query).has(name) && namesSchema(statement.query, schema, name);
}

/** The table is written with this schema, or without one. */
function namesSchema(query: string, schema: string, name: string): boolean {
  const text = query.replaceAll('"', '');
  return text.includes(`${schema}.${name}`) || !text.includes(`.${name}`);
}

function privilegeObstacle(statement: UncountedStatement, privilege: MissingPrivilege): Obstacle {
  const {role, kind, table} = privilege;
  const object = quotedName(privilege);
  return {
    statement,
    ...missingPrivilege,
    text: `${nameStatement(statement.query)} fails: role ${role} may not use the ${kind} ${object} (42501)`,
    reason:
      kind === 'sequence'
        ? `Role ${role} may insert into ${table}, but not take the next value of ${object}, which is the default of one of its columns.`
        : `Role ${role} has no privilege on ${object}.`,
    acts: grantActs(privilege),
  };
}

export const missingPrivilege = {
  recipe: 'missing-privilege',
  cause: 'missing-privilege',
  confidence: 'certain',
} as const;

/** The part of a finding that says which statements cannot work, the most frequent first. */
export function obstructed(
  obstacles: readonly [Obstacle, ...Obstacle[]],
  before: string,
): Pick<Finding, 'recipe' | 'cause' | 'confidence' | 'summary' | 'reasons' | 'acts'> {
  const [first, ...others] = obstacles.toSorted((a, b) => b.statement.seen - a.statement.seen) as [
    Obstacle,
    ...Obstacle[],
  ];
  const {recipe, cause, confidence, acts, text} = first;
  const more = others.length === 0 ? '' : `; ${counted(others.length, 'other statement')} alike`;
  return {
    recipe,
    ...(cause && {cause}),
    ...(confidence && {confidence}),
    summary: `${before}${text}${more}`,
    reasons: [...new Set([first, ...others].map(({reason}) => reason))].slice(0, mostNamed),
    acts,
  };
}

const mostNamed = 5;

/** What gives a role what it lacks, now and for what is created later. */
export function grantActs({role, kind, schema, ...object}: MissingPrivilege): Act[] {
  const to = quoteIdentifier(role);
  const on =
    kind === 'schema'
      ? `USAGE ON SCHEMA ${quoteIdentifier(schema)}`
      : kind === 'sequence'
        ? `USAGE ON SEQUENCE ${quotedName({schema, ...object})}`
        : `SELECT, INSERT, UPDATE, DELETE ON ${quotedName({schema, ...object})}`;
  return [
    advice(`GRANT ${on} TO ${to}`, {
      frees: 'the failing statements work again immediately',
      costs: 'give no more than the role had: compare with its other tables (\\dp), as its owner',
    }),
    advice(`then ALTER DEFAULT PRIVILEGES for the role that creates tables in ${quoteIdentifier(schema)}`, {
      frees: null,
      costs: 'applies to what is created later only; pg_restore --no-privileges brings none',
    }),
  ];
}

function columnObstacle(
  statement: UncountedStatement,
  missing: readonly {schema: string; table: string; name: string}[],
): Obstacle {
  const names = missing.map(({name}) => name).join(', ');
  const [{schema, table, name} = {schema: '', table: '', name: ''}] = missing;
  return {
    statement,
    recipe: 'required-column',
    cause: 'required-column',
    confidence: 'certain',
    text: `${nameStatement(statement.query)} fails: it leaves out ${names}, which ${missing.length === 1 ? 'is NOT NULL and has' : 'are NOT NULL and have'} no default (23502)`,
    reason: `A release that does not know ${names} yet cannot insert into ${table}; a migration adds such a column with a default, which it drops once all instances are replaced.`,
    acts: [
      advice(
        `ALTER TABLE ${quotedName({schema, name: table})} ALTER COLUMN ${quoteIdentifier(name)} SET DEFAULT ... until the old release is gone`,
        {
          frees: 'the inserts succeed immediately',
          costs: 'an ACCESS EXCLUSIVE lock for a moment; rows of the old release have the default',
        },
      ),
      advice('finish the deploy: replace the instances of the old release', {
        frees: null,
        costs: 'their requests fail until then',
      }),
    ],
  };
}

/** The columns that an INSERT names; null where it names none, or its text is cut off. */
const insertedColumns = memoize((query: string): ReadonlySet<string> | null => {
  const tokens = sqlTokens(query.slice(0, maxRead)).filter(
    ({kind}) => kind !== 'space' && kind !== 'comment',
  );
  const into = tokens.findIndex(({text}) => text.toLowerCase() === 'into');
  if (into < 0) return null;
  let at = into + 2;
  while (tokens[at]?.text === '.') at += 2;
  if (tokens[at]?.text !== '(') return null;
  const end = tokens.findIndex(({text}, index) => index > at && text === ')');
  const words = tokens.slice(at + 1, end < 0 ? at + 1 : end);
  const isList = words.every((token, index) => (index % 2 === 0 ? isName(token) : token.text === ','));
  return end < 0 || words.length === 0 || !isList ? null : new Set(words.map(nameOf));
}, 1000);

/** Characters of a statement; it may be megabytes long. */
const maxRead = 8000;

function isName({kind}: SqlToken): boolean {
  return kind === 'word' || kind === 'quoted';
}

function nameOf({kind, text}: SqlToken): string {
  return kind === 'quoted' ? text.slice(1, -1).replaceAll('""', '"') : text.toLowerCase();
}
