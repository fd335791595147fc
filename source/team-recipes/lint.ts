import {loadModule, type Node, parse, type ResTarget, SqlError} from 'libpg-query';
import {usageError} from '../core/errors.ts';
import {namedObjects} from '../core/sql/named-objects.ts';
import {didYouMean} from '../core/text/nearest.ts';
import {loadFolder, type Problem, type TeamFile} from './folder.ts';
import type {MarkdownRecipe, Statement} from './markdown-recipe.ts';
import {fill, namesIn, placeholdersIn, type Template} from './template.ts';

/**
 * Lints a team's recipes without a server: what prevents loading them, and what PostgreSQL's parser reports about their
 * SQL, by file and line. Throws AbortError (exit 2) for a folder without recipes.
 */
export async function lintFolder(
  folder: string,
  taken: Iterable<string>,
): Promise<{files: number; problems: Problem[]}> {
  const files = await loadFolder(folder, taken);
  if (files.length === 0)
    throw usageError(`no recipes in ${folder}`, 'Recipes are .md and .ts files, except README.md.');
  const problems: Problem[] = [];
  for (const file of files) problems.push(...file.problems, ...(await problemsOfSql(file)));
  return {files: files.length, problems: problems.sort(byPlace)};
}

async function problemsOfSql({file, markdown}: TeamFile): Promise<Problem[]> {
  if (markdown === null) return [];
  const problems: Problem[] = [];
  await lintSql(markdown, (line, message) => void problems.push({file, line, message}));
  return problems;
}

function byPlace(a: Problem, b: Problem): number {
  return a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1;
}

type Report = (line: number, message: string) => void;

/** Columns that every diagnosis returns. */
const requiredColumns = ['subject', 'summary', 'severity'];

/** Parses the statements and checks that diagnosis and verification only read. Tables and columns are unknown here. */
async function lintSql(recipe: MarkdownRecipe, report: Report): Promise<void> {
  const {diagnose, plan, parameters, functions} = recipe;
  const declared = functions.map(({name}) => name);
  const reportFunctions = (node: Node, {line}: Statement) => {
    for (const problem of functionProblems(node, declared)) report(line, problem);
  };
  await loadModule();
  const query = await parsed(diagnose, report);
  if (query !== null) {
    lintDiagnosis(query, diagnose, report);
    reportFunctions(query, diagnose);
  }
  const columns = query === null ? null : columnsOf(query);
  if (columns !== null) {
    for (const name of requiredColumns) {
      if (!columns.includes(name)) report(diagnose.line, `the diagnosis must return a column "${name}"`);
    }
  }
  const names = parameters.map(({name}) => name);
  if (query !== null) reportQuotedNames(query, diagnose, {known: names, report});
  if (plan === null) return;
  const known = [...names, ...(columns ?? [])];
  for (const [statement, isCheck] of [
    [plan.apply, false],
    [plan.verify, true],
    ...(typeof plan.undo === 'string' ? [] : [[plan.undo, false] as const]),
  ] as const) {
    const node = await parsed(statement, report);
    if (node === null) continue;
    if (isCheck) {
      if (!isQuery(node)) report(statement.line, 'verify must be a SELECT of one value, true or false');
      else if (writes(node)) report(statement.line, 'verify must only read: this one writes or locks');
      reportFunctions(node, statement);
    }
    if (!isCheck) reportValues(node, statement, report);
    if (columns !== null) reportUnknownColumns(statement, known, report);
    reportQuotedNames(node, statement, {known, report});
  }
}

function lintDiagnosis(query: Node, diagnose: Statement, report: Report): void {
  if (!isQuery(query)) report(diagnose.line, 'a diagnosis must be a SELECT');
  else if (writes(query)) report(diagnose.line, 'a diagnosis must only read: this one writes or locks');
  for (const constant of constantsOfColumn(query, 'severity')) {
    if (severities.includes(constant.text)) continue;
    report(lineOf(constant, diagnose), `invalid severity "${constant.text}": use ${severities.join(' or ')}`);
  }
}

const severities = ['warning', 'critical'];

type Names = {known: readonly string[]; report: Report};

/** Reports the string constant `':name'`, which should probably be `:'name'`. */
function reportQuotedNames(node: Node, statement: Statement, {known, report}: Names): void {
  for (const constant of constantsIn(node)) {
    const name = /^[:$](.+)$/.exec(constant.text)?.[1] ?? '';
    if (known.includes(name))
      report(
        lineOf(constant, statement),
        `'${constant.text}' is a string constant: write :'${name}' or $${name}`,
      );
  }
}

function lineOf({location}: Constant, {template, line}: Statement): number {
  const preceding = Buffer.from(textOf(template)).subarray(0, location);
  return line + preceding.filter(byte => byte === 10).length;
}

function textOf(template: Template): string {
  return fill(template, () => 'x').text;
}

async function parsed({template, line}: Statement, report: Report): Promise<Node | null> {
  const text = textOf(template);
  try {
    const {stmts = []} = await parse(text);
    return stmts[0]?.stmt ?? null;
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const before = text.slice(0, error.sqlDetails?.cursorPosition ?? 0);
    report(line + before.split('\n').length - 1, explain(error.message, template));
    return null;
  }
}

/** A syntax error at a value means that the grammar accepts only a literal or a name there. */
function explain(message: string, template: Template): string {
  const place = /"\$(\d+)"/.exec(message)?.[1];
  const values = placeholdersIn(template).filter(({kind}) => kind === 'value');
  const name = [...new Set(values.map(value => value.name))][Number(place) - 1];
  return name === undefined ? message : noParameter(name);
}

function noParameter(name: string): string {
  return `$${name} is not possible here: write :'${name}', or :"${name}" for an identifier`;
}

function isQuery(node: Node): boolean {
  return 'SelectStmt' in node;
}

/** The columns of the select list; null if the text does not show them (`*`). */
function columnsOf(node: Node): string[] | null {
  if (!('SelectStmt' in node)) return null;
  const targets = node.SelectStmt.targetList ?? [];
  const names = targets.map(target => ('ResTarget' in target ? nameOf(target.ResTarget) : null));
  return names.length === 0 || names.includes(null) ? null : names.map(String);
}

/** The name that PostgreSQL gives a column (FigureColname in parse_target.c), except for rare expressions. */
function nameOf({name, val}: ResTarget): string | null {
  if (name !== undefined) return name;
  if (val === undefined) return null;
  if ('ColumnRef' in val) return lastName(val.ColumnRef.fields);
  if ('FuncCall' in val) return lastName(val.FuncCall.funcname);
  if ('TypeCast' in val && val.TypeCast.arg !== undefined)
    return nameOf({val: val.TypeCast.arg}) ?? '?column?';
  return '?column?';
}

function lastName(names: Node[] | undefined): string | null {
  const last = names?.at(-1);
  return last !== undefined && 'String' in last ? (last.String.sval ?? null) : null;
}

/** Only these take parameters; utility statements do not (tcop/utility.c). */
const takesValues = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'];

function reportValues(node: Node, {template}: Statement, report: Report): void {
  if (takesValues.some(kind => kind in node)) return;
  for (const {kind, name, line} of placeholdersIn(template)) {
    if (kind === 'value') report(line, noParameter(name));
  }
}

function reportUnknownColumns({template}: Statement, known: readonly string[], report: Report): void {
  const unknown = namesIn(template).filter(name => !known.includes(name));
  for (const name of unknown) {
    const line = placeholdersIn(template).find(each => each.name === name)?.line ?? 1;
    report(line, `"${name}" is neither a parameter nor a column of the diagnosis${didYouMean(name, known)}`);
  }
}

/** A string constant and its offset in the statement, in bytes. */
type Constant = {text: string; location: number};

/** Every string constant, however deep. */
function constantsIn(node: Node): Constant[] {
  return descendants(node).flatMap(each => constantOf(each) ?? []);
}

/** Whether any part writes (WITH and SELECT INTO can) or locks rows. */
function writes(node: Node): boolean {
  return descendants(node).some(each => writingNodes.some(key => key in each));
}

const writingNodes = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'intoClause', 'lockingClause'];

/** The constants that a result column can have: literals and branches of a CASE, in every SELECT of a UNION. */
function constantsOfColumn(node: Node, column: string): Constant[] {
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
function functionProblems(node: Node, declared: readonly string[]): string[] {
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
