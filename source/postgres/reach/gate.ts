import type {Node} from 'libpg-query';
import {AbortError, exitCodes} from '../../core/errors.ts';
import {descendants, type NamedObject, namedObjects} from '../../core/sql/named-objects.ts';
import type {PgClient} from '../connect/client.ts';
import type {SqlParser} from './parse-sql.ts';

type Purpose = 'plan' | 'run';

export type GateRequest = {
  /** Each is one statement. */
  statements: readonly string[];
  /** Schemas in which names resolve, besides the role's own and pg_catalog. */
  search_path: readonly string[];
  /** `run`: the statements are executed, so no function in them may write. */
  purpose: Purpose;
  /** Functions to allow nevertheless, as `schema.name`. */
  functions?: readonly string[];
  /** The session is not a pooler's, so the gate can be prepared in it once. */
  is_own_session?: boolean;
};

/**
 * A query that fails and aborts its transaction if the statements reach functions that are not PostgreSQL's. It is sent
 * right before they are planned or run, and again after PREPARE, whose locks keep tables and views from changing. Needs
 * search_path = pg_catalog. Throws RefusedStatement (exit 2) for a text that the parser rejects, and for a statement
 * that is neither a query nor, to be planned, one that writes rows.
 */
export function gateQuery(parser: SqlParser, request: GateRequest): GateQuery {
  const {statements, search_path, purpose, functions = []} = request;
  const nodes = statements.map(text => onlyStatement(text, parser, purpose));
  const named = new Map<string, NamedObject>();
  for (const node of nodes) {
    for (const each of namedObjects(node)) named.set(JSON.stringify(each), each);
  }
  const names = [...named.values()];
  const values = [
    names.map(({kind}) => kind),
    names.map(({schema}) => schema),
    names.map(({name}) => name),
    search_path,
    nodes.some(writesRows),
    functions,
    purpose === 'run',
  ];
  const name = request.is_own_session ? {name: 'poolctl_reach'} : {};
  return {...name, text: reachSql, values, rowMode: 'array'};
}

type GateQuery = Exclude<Parameters<PgClient['query']>[0], string>;

/** The gate's objection as an error; any other error unchanged. */
export function toRefusal(error: unknown, purpose: Purpose): unknown {
  const {message = ''} = error as {message?: string};
  const objection = /<poolctl:(.*):poolctl>/s.exec(message)?.[1];
  return objection === undefined
    ? error
    : refused(purpose, `it reaches ${objection}`, reachHints[purpose], error);
}

/** A statement that poolctl does not send to be planned or run. */
export class RefusedStatement extends AbortError {}

function refused(purpose: Purpose, why: string, hint: string, cause?: unknown): RefusedStatement {
  const message = `${purpose === 'plan' ? 'not planned' : 'not run'}: ${why}`;
  return new RefusedStatement(message, {hint, exitCode: exitCodes.usage, cause});
}

const reachHints = {
  plan: "Planning may run what a statement reaches, with the privileges of poolctl's role: only PostgreSQL's own functions and compiled functions of extensions are allowed.",
  run: 'A diagnosis or a verification only reads. Declare functions of your own: "functions: [schema.name]" in a Markdown recipe, beside text and values in a TypeScript recipe.',
};

const textHints = {
  plan: 'Only a single, complete SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES has a plan; a text that the server truncated, or with $1 where the grammar allows no parameter, has none.',
  run: 'A diagnosis or a verification is one SELECT, without FOR UPDATE, INTO or a WITH that writes.',
};

function onlyStatement(text: string, {parse}: SqlParser, purpose: Purpose): Node {
  const [first, ...more] = parsed(text, parse, purpose);
  const node = first?.stmt;
  const hint = textHints[purpose];
  if (node === undefined || more.length > 0) throw refused(purpose, 'it is not one statement', hint);
  if (purpose === 'run' && !isPureQuery(node))
    throw refused(purpose, 'it is not a SELECT that only reads', hint);
  if (!plannable.some(kind => kind in node)) throw refused(purpose, 'a utility statement has no plan', hint);
  return node;
}

function parsed(text: string, parse: SqlParser['parse'], purpose: Purpose) {
  try {
    return parse(text).stmts ?? [];
  } catch (error) {
    throw refused(purpose, (error as Error).message, textHints[purpose], error);
  }
}

/** CREATE INDEX for HypoPG. */
const plannable = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'IndexStmt'];

/** Neither writes, as a WITH can, nor creates a table, nor locks rows. */
function isPureQuery(node: Node): boolean {
  const acts = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'intoClause', 'lockingClause'];
  return 'SelectStmt' in node && ![...descendants(node)].some(each => acts.some(key => key in each));
}

/** Whether planning may include column defaults: also for DELETE, which a rule may turn into an INSERT. */
function writesRows(node: Node): boolean {
  const kinds = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'];
  return [...descendants(node)].some(each => kinds.some(kind => kind in each));
}

/** Functions of the server and its extensions that run SQL, or a type or validator that an argument names. */
const executingFunctions = [
  '^(query|table|schema|database|cursor)_to_xml',
  '^(domain|array|record|range|multirange)_in$',
  '^pg_input_',
  '_validator$',
  '^satisfies_hash_partition$',
  '^crosstab',
  '^(connectby|xpath_table|ts_stat|ts_rewrite)$',
].join('|');

/** The server's volatile functions that only read. */
const readOnlyFunctions = `^(${[
  'clock_timestamp|timeofday|random|random_normal|array_(sample|shuffle)|gen_random_uuid|uuidv[47]',
  'bernoulli|system|current_query|pg_stat_have_stats|pg_get_(wait_events|sequence_data|loaded_modules)',
  'pg_(relation|total_relation|table|indexes|database|tablespace)_size',
  'pg_(current|last)_(wal|xact|committed).*|pg_is_.*|pg_get_wal_.*|pg_control_.*',
  'pg_(safe_snapshot_)?blocking_pids|pg_lock_status|pg_prepared_xact|pg_partition_.*',
  'pg_sequence_last_value|currval|lastval|pg_xact_commit_timestamp|pg_xact_status',
  'pg_show_.*|pg_hba_file_rules|pg_ident_file_mappings|pg_available_.*|pg_timezone_.*',
  'pg_get_(shmem|backend|aios|multixact).*|pg_replication_origin_progress|pg_notification_queue_usage',
  'pg_stat_get_.*|pg_stat_clear_snapshot|pg_current_logfile|pg_ls_(wal|log|tmp|archive_status)dir',
  'pg_collation_actual_version|pg_jit_available',
].join('|')})$`;

/**
 * What a statement reaches that is not PostgreSQL's own: the names in it ($1 kinds, $2 schemas or '', $3 names, resolved
 * in the schemas $4, the role's own and pg_catalog), and everything that planning follows from there: views and rules,
 * policies, CHECK constraints, indexes, extended statistics, generated columns, partition keys, children, domains,
 * casts, operators and their functions. $5: defaults too, as an INSERT plans them. $6: functions to allow.
 * $7: the statement is run, not only planned, so no function in it may write.
 *
 * Returns one row with 0. Objections become the server's error 22P02, between two marks, which aborts the transaction
 * before the server gets the statement that follows.
 *
 * The server makes its own objects with OIDs below 16384 (FirstNormalObjectId). Of others a function counts as safe
 * where an extension owns it and it is compiled code: what an SQL or PL/pgSQL function does is decided by its owner, or by
 * the owner of a schema in which its body looks up names. Dependencies on the server's own objects are not in pg_depend: what a
 * stored expression calls of them is read from its tree. Policies count where they hold for this role; behind a view
 * they hold for its owner, so they count there too.
 *
 * Needs search_path = pg_catalog: with another, its own operators could resolve to objects that others created.
 */
const reachSql = `
WITH RECURSIVE /* poolctl */ named AS (
  SELECT n.kind, n.name, s.oid AS namespace
  FROM unnest($1::text[], $2::text[], $3::text[]) n (kind, schema, name)
  JOIN pg_namespace s ON CASE n.schema
    WHEN '' THEN s.nspname = ANY ($4::text[] || current_user::text || 'pg_catalog'::text) OR s.oid = pg_my_temp_schema()
    WHEN 'pg_temp' THEN s.oid = pg_my_temp_schema()
    ELSE s.nspname = n.schema END
), reached (class, object, is_viewed) AS (
  SELECT o.class, o.object, false FROM named n CROSS JOIN LATERAL (
    SELECT 'pg_class'::regclass::oid, c.oid FROM pg_class c
    WHERE n.kind = 'relation' AND c.relname = n.name AND c.relnamespace = n.namespace
    UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p
    WHERE n.kind IN ('function', 'attribute') AND p.proname = n.name AND p.pronamespace = n.namespace
      AND (n.kind = 'function' OR p.provariadic <> 0 OR (p.pronargs > 0 AND p.pronargs - p.pronargdefaults <= 1))
    UNION ALL SELECT 'pg_operator'::regclass, o.oid FROM pg_operator o
    WHERE n.kind = 'operator' AND o.oprname = n.name AND o.oprnamespace = n.namespace
    UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t
    WHERE n.kind = 'type' AND t.typname = n.name AND t.typnamespace = n.namespace
    UNION ALL SELECT 'pg_opclass'::regclass, o.oid FROM pg_opclass o
    WHERE n.kind = 'opclass' AND o.opcname = n.name AND o.opcnamespace = n.namespace
  ) o (class, object)
  UNION
  SELECT e.class, e.object, r.is_viewed OR r.class = 'pg_rewrite'::regclass FROM reached r CROSS JOIN LATERAL (
    SELECT d.refclassid, d.refobjid FROM pg_depend d
    WHERE d.classid = r.class AND d.objid = r.object AND d.refobjid >= 16384
      AND (d.refclassid IN ('pg_type'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass,
          'pg_opfamily'::regclass)
        OR (d.refclassid = 'pg_class'::regclass AND r.class <> 'pg_class'::regclass))
    UNION ALL SELECT 'pg_type'::regclass, c.reltype FROM pg_class c
    WHERE r.class = 'pg_class'::regclass AND c.oid = r.object AND c.reltype <> 0
    UNION ALL SELECT 'pg_class'::regclass, i.inhrelid FROM pg_inherits i
    WHERE r.class = 'pg_class'::regclass AND i.inhparent = r.object
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i
    WHERE r.class = 'pg_class'::regclass AND i.indrelid = r.object
    UNION ALL SELECT 'pg_rewrite'::regclass, w.oid FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
    WHERE r.class = 'pg_class'::regclass AND w.ev_class = r.object AND c.relkind <> 'm'
    UNION ALL SELECT 'pg_attrdef'::regclass, f.oid FROM pg_attrdef f
    JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
    WHERE r.class = 'pg_class'::regclass AND f.adrelid = r.object AND ($5::boolean OR a.attgenerated <> '')
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k
    WHERE r.class = 'pg_class'::regclass AND k.conrelid = r.object AND k.contype = 'c'
    UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE r.class = 'pg_class'::regclass AND p.polrelid = r.object AND c.relrowsecurity
      AND (r.is_viewed OR row_security_active(c.oid))
    UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid FROM pg_statistic_ext s
    WHERE r.class = 'pg_class'::regclass AND s.stxrelid = r.object
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k
    WHERE r.class = 'pg_type'::regclass AND k.contypid = r.object
    UNION ALL SELECT 'pg_class'::regclass, t.typrelid FROM pg_type t
    WHERE r.class = 'pg_type'::regclass AND t.oid = r.object AND t.typrelid <> 0
    UNION ALL SELECT 'pg_opclass'::regclass, o.oid FROM pg_opclass o
    WHERE r.class = 'pg_type'::regclass AND o.opcintype = r.object
    UNION ALL SELECT 'pg_operator'::regclass, o.amopopr FROM pg_amop o
    WHERE r.class = 'pg_opfamily'::regclass AND o.amopfamily = r.object AND o.amopopr >= 16384
    UNION ALL SELECT 'pg_proc'::regclass, p.amproc FROM pg_amproc p
    WHERE r.class = 'pg_opfamily'::regclass AND p.amprocfamily = r.object AND p.amproc >= 16384
  ) e (class, object)
  WHERE r.class <> 'pg_proc'::regclass AND r.object >= 16384
), casting (type) AS (
  SELECT r.object FROM reached r WHERE r.class = 'pg_type'::regclass
  UNION ALL SELECT d.objid FROM reached r JOIN pg_depend d ON d.refclassid = r.class AND d.refobjid = r.object
  WHERE r.class = 'pg_type'::regclass AND d.classid = r.class AND d.deptype = 'i'
), called (function) AS (
  SELECT r.object FROM reached r WHERE r.class = 'pg_proc'::regclass
  UNION ALL SELECT c.castfunc FROM pg_cast c
  WHERE c.castfunc >= 16384 AND (c.castsource < 16384 OR c.castsource IN (SELECT type FROM casting))
    AND (c.casttarget < 16384 OR c.casttarget IN (SELECT type FROM casting))
  UNION ALL SELECT f.found[1]::oid
  FROM reached r CROSS JOIN LATERAL (
    SELECT w.ev_qual::text || w.ev_action::text FROM pg_rewrite w WHERE r.class = 'pg_rewrite'::regclass AND w.oid = r.object
    UNION ALL SELECT concat(p.polqual::text, p.polwithcheck::text) FROM pg_policy p
    WHERE r.class = 'pg_policy'::regclass AND p.oid = r.object
    UNION ALL SELECT k.conbin::text FROM pg_constraint k WHERE r.class = 'pg_constraint'::regclass AND k.oid = r.object
    UNION ALL SELECT f.adbin::text FROM pg_attrdef f WHERE r.class = 'pg_attrdef'::regclass AND f.oid = r.object
    UNION ALL SELECT concat(i.indexprs::text, i.indpred::text) FROM pg_index i
    WHERE r.class = 'pg_class'::regclass AND i.indexrelid = r.object
  ) t (tree) CROSS JOIN LATERAL regexp_matches(t.tree, ':funcid (\\d+)', 'g') f (found)
), judged AS (
  -- OFFSET keeps it a look-up for each: the planner takes the recursion for millions of rows.
  SELECT j.* FROM called c CROSS JOIN LATERAL (
    SELECT format('%I.%I(%s)', s.nspname, p.proname, oidvectortypes(p.proargtypes)) AS name,
      p.oid < 16384 AS is_own, p.proname::text AS proname, p.provolatile = 'v' AS is_volatile,
      format('%s.%s', s.nspname, p.proname) = ANY ($6::text[]) AS is_declared,
      (SELECT x.extname::text FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass
          AND d.deptype = 'e' AND l.lanname IN ('c', 'internal') LIMIT 1) AS extension
    FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
    WHERE p.oid = c.function OFFSET 0
  ) j
), objected (objection) AS (
  SELECT j.name || CASE
    WHEN NOT j.is_own AND j.extension IS NULL THEN ', a function outside pg_catalog'
    WHEN j.proname ~ '{executing}' THEN ', a function that runs what its arguments name'
    WHEN NOT $7::boolean THEN NULL
    WHEN j.proname IN ('txid_current', 'pg_current_xact_id') OR j.is_volatile AND CASE
        WHEN j.is_own THEN j.proname !~ '{read_only}'
        ELSE j.extension <> ALL ('{pg_stat_statements,pg_buffercache,pgstattuple,pg_freespacemap,pg_visibility,pgrowlocks,amcheck,pageinspect,pg_walinspect}')
          OR j.proname ~ 'reset|evict|truncate|mark' END
      THEN ', a function that does more than read' END
  FROM judged j WHERE NOT j.is_declared
  UNION ALL SELECT t.objection FROM reached r CROSS JOIN LATERAL (
    SELECT format('%I.%I, a foreign table', s.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
    WHERE r.class = 'pg_class'::regclass AND c.oid = r.object AND c.relkind = 'f' OFFSET 0
  ) t (objection)
  UNION ALL SELECT format('%s, a name whose case this database may fold differently', n.name)
  FROM unnest($1::text[], $3::text[]) n (kind, name)
  WHERE getdatabaseencoding() <> 'UTF8' AND n.name ~ '[^\\x01-\\x7f]'
)
SELECT /* poolctl */ coalesce(('<poolctl:' || string_agg(DISTINCT o.objection, '; ' ORDER BY o.objection) || ':poolctl>')::int4, 0)
FROM objected o`
  .replace('{executing}', () => executingFunctions)
  .replace('{read_only}', () => readOnlyFunctions);
