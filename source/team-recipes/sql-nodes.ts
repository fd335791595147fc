import type {Node, ResTarget} from 'libpg-query';
import {namedObjects} from '../core/sql/named-objects.ts';

/** A string constant and its offset in the statement, in bytes. */
export type Constant = {text: string; location: number};

/** Every string constant, however deep. */
export function constantsIn(node: Node): Constant[] {
  return descendants(node).flatMap(each => constantOf(each) ?? []);
}

/** Whether any part writes (WITH and SELECT INTO can) or locks rows. */
export function writes(node: Node): boolean {
  return descendants(node).some(each => writingNodes.some(key => key in each));
}

const writingNodes = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'intoClause', 'lockingClause'];

/** The constants that a result column can have: literals and branches of a CASE, in every SELECT of a UNION. */
export function constantsOfColumn(node: Node, column: string): Constant[] {
  const lists = targetLists(node);
  const index = lists[0]?.findIndex(({name}) => name === column) ?? -1;
  return lists.flatMap(targets => resultsOf(targets[index]?.val));
}

function targetLists(node: Node | undefined): ResTarget[][] {
  if (node === undefined || !('SelectStmt' in node)) return [];
  const {larg, rarg, targetList = []} = node.SelectStmt;
  if (larg !== undefined && rarg !== undefined)
    return [...targetLists({SelectStmt: larg}), ...targetLists({SelectStmt: rarg})];
  return [targetList.flatMap(target => ('ResTarget' in target ? [target.ResTarget] : []))];
}

function resultsOf(node: Node | undefined): Constant[] {
  if (node === undefined) return [];
  if ('TypeCast' in node) return resultsOf(node.TypeCast.arg);
  if (!('CaseExpr' in node)) return constantOf(node) ?? [];
  const {args = [], defresult} = node.CaseExpr;
  const branches = args.map(each => ('CaseWhen' in each ? each.CaseWhen.result : undefined));
  return [...branches, defresult].flatMap(resultsOf);
}

function constantOf(node: object): Constant[] | null {
  if (!('A_Const' in node)) return null;
  const {sval, location = 0} = node.A_Const as {sval?: {sval?: string}; location?: number};
  return sval === undefined ? null : [{text: sval.sval ?? '', location}];
}

/** The object and everything in it. */
function descendants(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(descendants)];
}

/**
 * Functions of pg_catalog with side effects, and those that run what their arguments name. They can be reported without
 * a server; the gate before a query (postgres/reach) asks the server and rejects more.
 */
const unsafeFunctions = new RegExp(
  `^(${[
    'pg_(terminate|cancel)_backend|pg_(try_)?advisory_.*|pg_notify|set_config|setseed|nextval|setval',
    'pg_(reload_conf|rotate_logfile|promote|switch_wal|export_snapshot|nextoid|sleep.*|stat_reset.*)',
    'pg_(create|drop|copy|replication|logical|sync|import|restore|clear|log|backup|wal_replay)_.*',
    'pg_(read_file|read_binary_file|stat_file|ls_dir|stat_force_next_flush|extension_config_dump)',
    'lo_.*|loread|lowrite|txid_current|pg_current_xact_id|binary_upgrade_.*|brin_.*|gin_clean_pending_list',
    '(query|table|schema|database|cursor)_to_xml.*|ts_stat|ts_rewrite|(domain|array|record|range)_in|pg_input_.*',
  ].join('|')})$`,
);

/** A message for each function that a diagnosis or verification may not call; `declared` are the recipe's own. */
export function functionProblems(node: Node, declared: readonly string[]): string[] {
  return namedObjects(node).flatMap(({kind, schema, name}) => {
    if (kind !== 'function' || declared.includes(`${schema}.${name}`)) return [];
    const isBuiltIn = schema === '' || schema === 'pg_catalog';
    if (!isBuiltIn && schema !== 'information_schema')
      return [
        `undeclared function ${schema}.${name}: add functions: [${schema}.${name}] to the front matter`,
      ];
    return isBuiltIn && unsafeFunctions.test(name) ? [`${name}() does more than read`] : [];
  });
}
