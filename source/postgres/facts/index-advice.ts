import {adviseIndexes} from '../../core/indexes/advise-indexes.ts';
import type {AdviceInput, StatementWrites, WorkloadStatement} from '../../core/indexes/candidates.ts';
import {learnRanges} from '../../core/indexes/evidence.ts';
import {hypotheticalPlans} from '../../core/indexes/index-preview.ts';
import type {ExistingIndex} from '../../core/indexes/index-spec.ts';
import {specOf} from '../../core/indexes/index-spec.ts';
import {readStatement} from '../../core/indexes/read-statement.ts';
import type {Column, Columns, Naming} from '../../core/indexes/statement-shape.ts';
import {shownStatement} from '../../core/sql/shown-sql.ts';
import type {Catalog} from '../../model/catalog.ts';
import type {IndexAdvice, IndexAdviceNeed, SkippedIndex} from '../../model/index-advice.ts';
import type {Connection} from '../connect/connect.ts';
import {createIndexPlanner} from '../planner/index-planner.ts';
import {
  extensionQuery,
  extensionVersionNum,
  oldestVersionNum,
  pickVariant,
  serverQuery,
} from '../queries/query.ts';
import {expandLists, loadSqlParser, type SqlParser} from '../reach/parse-sql.ts';
import {readCapabilities} from '../server/capabilities.ts';
import {explainUnconvertible} from '../sqlstate.ts';
import {readCatalog} from './catalog.ts';
import {readValues} from './column-values.ts';

/** Statements considered: those with the most total execution time. */
const maxStatements = 100;

/**
 * Indexes worth building in the connected database, for its statements and foreign keys; or the indexes of a file.
 * Plans statements, executes none. Throws the server's errors, and AbortError (exit 2) for a file that cannot be read.
 */
export async function readIndexAdvice(connection: Connection, need: IndexAdviceNeed): Promise<IndexAdvice> {
  const parser = await loadSqlParser();
  const {input, skipped, search_path} = await readAdviceInput(connection, parser);
  const advice =
    need.file === null
      ? await adviseIndexes(input)
      : await (await import('../planner/migration-file.ts')).adviseFromMigration(
          need.file,
          input,
          parser,
          search_path,
        );
  return {...advice, skipped: [...skipped, ...advice.skipped]};
}

/** The input of the advice. `skipped` grows while statements are planned. */
export async function readAdviceInput(
  connection: Connection,
  parser: SqlParser,
): Promise<{input: AdviceInput; skipped: SkippedIndex[]; search_path: string[]}> {
  const {catalog, unnameable} = withoutUnnameable(await readCatalog(connection));
  const columns = await readColumns(connection, catalog);
  const existing = existingIndexes(catalog, parser);
  const {schema: hypopg_schema, note} = await findHypopg(connection);
  const search_path = searchPath(connection);
  const naming: Naming = {tables: catalog.tables, columns, search_path: [...search_path, 'public']};
  const skipped: SkippedIndex[] = note === null ? unnameable : [...unnameable, note];
  const {statements, writes, statements_age_ms} = await readStatements(connection, {parser, naming, skipped});
  const values = hypopg_schema === null ? new Map() : await readValues(connection, statements);
  const options = {parser, hypopg_schema, search_path, columns, values, existing, skipped};
  const planner = createIndexPlanner(connection, options);
  return {
    input: {catalog, columns, existing, statements, planner, writes, statements_age_ms},
    skipped,
    search_path,
  };
}

/** Without the tables that no statement of poolctl's can name: a byte that could not be decoded is not sent back. */
function withoutUnnameable(catalog: Catalog): {catalog: Catalog; unnameable: SkippedIndex[]} {
  const isUnnameable = ({schema, name}: Catalog['tables'][number]) => `${schema}${name}`.includes('\ufffd');
  const unnameable = catalog.tables.filter(isUnnameable).map(({schema, name}) => ({
    what: `the table ${schema}.${name}`,
    reason: 'its name has bytes that are not UTF-8',
  }));
  return unnameable.length === 0
    ? {catalog, unnameable}
    : {catalog: {...catalog, tables: catalog.tables.filter(table => !isUnnameable(table))}, unnameable};
}

/** Prisma's `schema` parameter comes first. */
function searchPath({request}: Connection): string[] {
  const schema = request.prisma?.schema;
  return typeof schema === 'string' && schema !== '' ? [schema] : [];
}

async function readColumns({client}: Connection, {tables}: Catalog): Promise<Columns> {
  const {text} = pickVariant(columnStatisticsQuery, oldestVersionNum);
  const values = [tables.map(({oid}) => oid)];
  const {rows} = await client.query<ColumnStatisticsRow>({text, values, rowMode: 'array'});
  const columns = new Map<string, Column[]>();
  for (const [
    oid,
    name,
    type,
    is_not_null,
    n_distinct,
    null_ratio,
    average_width_bytes,
    correlation,
    most_common_share,
    before_now,
  ] of rows) {
    const column = {
      ...{name, type, is_not_null, n_distinct, null_ratio, average_width_bytes, correlation},
      ...{most_common_share, before_now},
    };
    columns.set(oid, [...(columns.get(oid) ?? []), column]);
  }
  return columns;
}

function existingIndexes({indexes}: Catalog, parser: SqlParser): ExistingIndex[] {
  return indexes.map(index => {
    const [parsed] = index.definition === '' ? [] : (parser.parse(index.definition).stmts ?? []);
    const {table_oid, name, is_valid} = index;
    return {table_oid, name, is_valid, spec: specOf(index, parsed?.stmt)};
  });
}

async function findHypopg({client}: Connection): Promise<{schema: string | null; note: SkippedIndex | null}> {
  const {text} = pickVariant(hypopgQuery, oldestVersionNum);
  const {rows} = await client.query<[schema: string | null, is_available: boolean]>({text, rowMode: 'array'});
  const [schema = null, is_available = false] = rows[0] ?? [];
  if (schema !== null || !is_available) return {schema, note: null};
  const reason = 'available but not installed in this database: CREATE EXTENSION hypopg';
  return {schema, note: {what: hypotheticalPlans, reason}};
}

type Context = {parser: SqlParser; naming: Naming; skipped: SkippedIndex[]};

type StatementsRead = Pick<AdviceInput, 'statements' | 'writes' | 'statements_age_ms'>;

/**
 * The costliest statements with the tables and columns they use, and what the largest writers write. Statements that
 * cannot be parsed are skipped.
 */
async function readStatements(
  connection: Connection,
  {parser, naming, skipped}: Context,
): Promise<StatementsRead> {
  const {client} = connection;
  const {target, statements_schema, unavailable} = await readCapabilities(connection);
  const version = target.statements_version;
  if (statements_schema === null || version === null) {
    const missing = unavailable.find(({section}) => section === 'statements');
    skipped.push({what: 'the statements', reason: missing?.reason ?? 'pg_stat_statements cannot be read'});
    return {statements: [], writes: [], statements_age_ms: null};
  }
  const {text} = pickVariant(costlyStatementsQuery, extensionVersionNum(version), statements_schema);
  const query = {text, values: [maxStatements], rowMode: 'array'} as const;
  const answer = await client.query<CostlyStatementRow>(query).catch(error => {
    const why = explainUnconvertible(error);
    if (why === null) throw error;
    skipped.push({what: 'the statements', reason: `${why.reason}; ${why.remedy}`});
    return {rows: []};
  });
  const statements: WorkloadStatement[] = [];
  const writes: StatementWrites[] = [];
  for (const [queryid, query, calls, total_exec_time_ms, rows, is_costly] of answer.rows) {
    const shape = parseShape(query, parser, naming);
    if (shape === null) {
      if (is_costly)
        skipped.push({what: shownStatement(query), reason: 'its text cannot be parsed as one statement'});
      continue;
    }
    const {write} = shape;
    if (write !== null)
      writes.push({table_oid: write.table.oid, kind: write.kind, columns: write.columns, rows, calls});
    if (!is_costly || shape.uses.length === 0) continue;
    learnRanges(shape, {rows, calls}, naming.columns);
    statements.push({queryid, query, calls, rows, total_exec_time_ms, shape, source: 'statements'});
  }
  return {statements, writes, statements_age_ms: answer.rows[0]?.[6] ?? null};
}

function parseShape(query: string, parser: SqlParser, naming: Naming) {
  try {
    const [statement, ...more] = parser.parse(expandLists(query)).stmts ?? [];
    return statement === undefined || more.length > 0 ? null : readStatement(statement, naming);
  } catch {
    return null;
  }
}

/**
 * The planner's statistics of columns, for tables by oid. pg_stats shows only columns that this role may read; of a
 * partitioned table, those of the whole.
 */
export const columnStatisticsQuery = serverQuery(
  'poolctl_column_statistics',
  `
SELECT /* poolctl */ a.attrelid::text, a.attname::text, t.typname::text, a.attnotnull,
  coalesce(s.n_distinct, 0)::float8, coalesce(s.null_frac, 0)::float8,
  coalesce(s.avg_width, CASE WHEN a.attlen > 0 THEN a.attlen ELSE 32 END)::int4,
  coalesce(s.correlation, 0)::float8, coalesce(s.most_common_freqs[1], 0)::float8,
  CASE WHEN t.oid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
    THEN (SELECT avg((b < now())::int4) FROM unnest(s.histogram_bounds::text::timestamptz[]) b) END::float8
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN LATERAL (
  SELECT p.n_distinct, p.null_frac, p.avg_width, p.correlation, p.most_common_freqs, p.histogram_bounds
  FROM pg_stats p
  WHERE p.schemaname = n.nspname AND p.tablename = c.relname AND p.attname = a.attname
  ORDER BY p.inherited DESC LIMIT 1
) s ON true
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`,
);

type ColumnStatisticsRow = [
  table_oid: string,
  name: string,
  type: string,
  is_not_null: boolean,
  n_distinct: number,
  null_ratio: number,
  average_width_bytes: number,
  correlation: number,
  most_common_share: number,
  before_now: number | null,
];

/**
 * The statements of this database with the most total execution time, of all roles, without utility statements and
 * poolctl's own; and as many that write the most rows. `age_ms`: since when they have been counted, unknown before 1.9.
 */
const costlyStatementsText = (age_ms: string) => `
SELECT /* poolctl */ s.queryid, s.query, s.calls, s.total_exec_time, s.rows, s.by_time <= $1, ${age_ms}
FROM (
  SELECT p.queryid::text, min(p.query) AS query, sum(p.calls)::int8 AS calls, sum(p.total_exec_time) AS total_exec_time,
    sum(p.rows)::int8 AS rows,
    row_number() OVER (ORDER BY sum(p.total_exec_time) DESC, p.queryid) AS by_time,
    row_number() OVER (ORDER BY min(p.query) ~* '^\\s*(UPDATE|DELETE|INSERT)\\M' DESC, sum(p.rows) DESC, p.queryid) AS by_rows
  FROM {schema}.pg_stat_statements(true) p
  WHERE p.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND p.queryid IS NOT NULL AND octet_length(p.query) <= 100000
    AND p.query ~* '^(\\s|/\\*.*?\\*/|--[^\\n]*\\n|\\()*(SELECT|WITH|UPDATE|DELETE|INSERT|MERGE)\\M'
    AND p.query !~ '^(SELECT|WITH) /\\* poolctl \\*/'
  GROUP BY p.queryid
) s
WHERE s.by_time <= $1 OR s.by_rows <= $1
ORDER BY s.by_time`;

export const costlyStatementsQuery = extensionQuery('poolctl_costly_statements', {
  '1.8': costlyStatementsText('NULL::float8'),
  '1.9': costlyStatementsText(
    '(SELECT (extract(epoch FROM now() - i.stats_reset) * 1000)::float8 FROM {schema}.pg_stat_statements_info i)',
  ),
});

type CostlyStatementRow = [
  queryid: string,
  query: string,
  calls: number,
  total_exec_time_ms: number,
  rows: number,
  is_costly: boolean,
  age_ms: number | null,
];

/** HypoPG's schema in this database, and whether the extension is available. */
export const hypopgQuery = serverQuery(
  'poolctl_hypopg',
  `
SELECT /* poolctl */
  (SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'),
  EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = 'hypopg')`,
);
