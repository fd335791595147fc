import type {Act, Finding} from '../../../model/recipe.ts';
import type {MissingPrivilege, RequiredColumn} from '../../../model/server-facts.ts';
import {quotedName} from '../../server/maintenance.ts';
import {insertIn, type NamedRelation, relationsIn} from '../../sql/named-relations.ts';
import {quoteIdentifier} from '../../sql/quote.ts';
import {counted} from '../../text/format.ts';
import type {Context} from '../context.ts';
import {advice, nameStatement} from './failing-part.ts';
import type {UncountedStatement} from './failing-signs.ts';

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
    const missing = required_columns.filter(column => leavesOut(statement.query, column));
    return missing.length === 0 ? [] : columnObstacle(statement, missing);
  });
}

/** A missing privilege on a schema is an error before the statement is planned: it has no id then. */
function isLackedBy(privilege: MissingPrivilege, {usename, query}: UncountedStatement): boolean {
  const {role, kind, column} = privilege;
  if (role !== usename || kind === 'schema') return false;
  if (kind === 'table') return namesRelation(query, privilege);
  return column !== null && leavesOut(query, {...privilege, ...ofTable(privilege), name: column});
}

/** Of a sequence, the table whose column takes its value from it. */
function ofTable({table_schema, table}: MissingPrivilege): {schema: string; table: string} {
  return {schema: table_schema ?? '', table: table ?? ''};
}

type Known = {schema: string; name: string; is_only_name: boolean};

/** A name without a schema is that relation's if no other one has it: search_path may lead to any. */
function isSame(named: NamedRelation, {schema, name, is_only_name}: Known): boolean {
  return named.name === name && (named.schema === null ? is_only_name : named.schema === schema);
}

/** Whether a statement reads or changes the relation, for certain. */
export function namesRelation(query: string, known: Known): boolean {
  return relationsIn(query).some(named => isSame(named, known));
}

/** It inserts into the table, and names columns, but not this one. */
function leavesOut(query: string, {table, name, ...of}: RequiredColumn): boolean {
  const insert = insertIn(query);
  return insert?.columns != null && isSame(insert, {...of, name: table}) && !insert.columns.has(name);
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
  const {recipe, cause, confidence, text} = first;
  const acts = new Map<string, Act>();
  for (const each of [first, ...others])
    for (const act of each.acts) if (acts.size < mostNamed) acts.set(act.title, act);
  const more =
    others.length === 0
      ? ''
      : `; ${counted(others.length, 'other statement')} ${others.length === 1 ? 'fails' : 'fail'}, too`;
  return {
    recipe,
    ...(cause && {cause}),
    ...(confidence && {confidence}),
    summary: `${before}${text}${more}`,
    reasons: [...new Set([first, ...others].map(({reason}) => reason))].slice(0, mostNamed),
    acts: [...acts.values()],
  };
}

const mostNamed = 5;

/** What gives a role what it lacks, now and for what is created later. */
export function grantActs({role, kind, schema, name}: MissingPrivilege): Act[] {
  const to = quoteIdentifier(role);
  const on =
    kind === 'schema'
      ? `USAGE ON SCHEMA ${quoteIdentifier(schema)}`
      : kind === 'sequence'
        ? `USAGE ON SEQUENCE ${quotedName({schema, name})}`
        : `SELECT, INSERT, UPDATE, DELETE ON ${quotedName({schema, name})}`;
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

function columnObstacle(statement: UncountedStatement, missing: readonly RequiredColumn[]): Obstacle {
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
