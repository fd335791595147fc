import type {Node, TypeName} from 'libpg-query';
import {descendants} from '../sql/named-objects.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {type SchemaState, stringsOf} from './schema-state.ts';

/** PostgreSQL's internal names of types, as format_type() writes them. */
const written: Record<string, string> = {
  int2: 'smallint',
  int4: 'integer',
  int: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  varchar: 'character varying',
  bpchar: 'character',
  varbit: 'bit varying',
  decimal: 'numeric',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
  timetz: 'time with time zone',
};

/** Types of PostgreSQL, and of extensions that applications use, by the name in the text; those of SQL's grammar are in pg_catalog. */
const known = new Set(
  'text uuid json jsonb jsonpath bytea date money name oid xml inet cidr macaddr macaddr8 point line lseg box path polygon circle tsvector tsquery pg_lsn regclass int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange citext hstore ltree geometry geography vector halfvec sparsevec cube'.split(
    ' ',
  ),
);

/** Whether a type cannot be a domain with a constraint; without a server one that the migration does not make may be. */
export function isKnownType(type: TypeName | undefined, state: SchemaState): boolean {
  const parts = stringsOf(type?.names);
  const name = parts.at(-1) ?? '';
  const isBuiltIn = parts[0] === 'pg_catalog' || known.has(name) || written[name] !== undefined;
  return state.target !== null || isBuiltIn || isSerial(type) || state.madeType(name);
}

/** Types whose default is nextval(). */
const serials = new Set(['serial', 'serial2', 'serial4', 'serial8', 'bigserial', 'smallserial']);

export function isSerial(type: TypeName | undefined): boolean {
  return serials.has(stringsOf(type?.names).at(-1) ?? '');
}

/** A type as format_type() writes it, `character varying(20)`; a type of the user's own in quotes. */
export function typeText({names, typmods = [], arrayBounds = []}: TypeName): string {
  const parts = stringsOf(names);
  const name = parts.at(-1) ?? '';
  const isBuiltIn = parts.length === 1 ? !/[A-Z]/.test(name) : parts[0] === 'pg_catalog';
  const base = isBuiltIn ? (written[name] ?? name) : parts.map(quoteIdentifier).join('.');
  const numbers = typmods.flatMap(node =>
    'A_Const' in node && node.A_Const.ival !== undefined ? [node.A_Const.ival.ival ?? 0] : [],
  );
  const modifier = numbers.length === 0 || name === 'interval' ? '' : `(${numbers.join(',')})`;
  const [head = base, ...zone] = base.split(/(?= with(?:out)? time zone)/);
  return `${head}${modifier}${zone.join('')}${'[]'.repeat(arrayBounds.length)}`;
}

/**
 * Whether ALTER COLUMN TYPE rewrites the table. It does not if the cast is binary coercible and the new length or
 * precision only widens the old (ATColumnChangeRequiresRewrite in tablecmds.c; varchar_support, numeric_support,
 * TemporalSimplify). Between timestamp and timestamptz it depends on the session's TimeZone: taken as a rewrite.
 */
export function requiresRewrite(from: string, to: string): boolean {
  if (from === to) return false;
  const [old, next] = [partsOf(from), partsOf(to)];
  if (old === null || next === null) return true;
  const isUnlimited = next.numbers.length === 0;
  const [oldLength = Number.POSITIVE_INFINITY, oldScale = 0] = old.numbers;
  const [length = Number.POSITIVE_INFINITY, scale = 0] = next.numbers;
  if (texts.has(old.base) && next.base === 'text') return false;
  if (texts.has(old.base) && next.base === 'character varying') return !isUnlimited && length < oldLength;
  if (old.base === 'cidr' && next.base === 'inet') return false;
  if (old.base !== next.base) return true;
  if (old.base === 'numeric')
    return !isUnlimited && !(old.numbers.length > 0 && scale === oldScale && length >= oldLength);
  if (old.base === 'bit varying') return !isUnlimited && length < oldLength;
  if (/^time/.test(old.base)) return !isUnlimited && length < Math.min(oldLength, 6);
  return true;
}

const texts = new Set(['text', 'character varying', 'citext', 'xml']);

function partsOf(type: string): {base: string; numbers: number[]} | null {
  const found = /^([a-z_ ]+?)(?:\(([\d,]+)\))?( with(?:out)? time zone)?$/.exec(type);
  if (found === null) return null;
  const [, head = '', numbers, zone = ''] = found;
  return {base: `${head}${zone}`, numbers: numbers === undefined ? [] : numbers.split(',').map(Number)};
}

/** Whether a USING expression only names the column, or casts it to the new type: the same as none. */
export function isPlainUsing(using: Node | undefined, column: string, type: TypeName | undefined): boolean {
  if (using === undefined) return true;
  if ('ColumnRef' in using) return stringsOf(using.ColumnRef.fields).at(-1) === column;
  if (!('TypeCast' in using) || using.TypeCast.typeName === undefined || type === undefined) return false;
  return (
    isPlainUsing(using.TypeCast.arg, column, undefined) &&
    typeText(using.TypeCast.typeName) === typeText(type)
  );
}

/** Volatile functions of PostgreSQL, uuid-ossp and pgcrypto that stand in defaults. */
const volatile = new Set([
  'clock_timestamp',
  'timeofday',
  'random',
  'random_normal',
  'gen_random_uuid',
  'gen_random_bytes',
  'gen_salt',
  'uuidv4',
  'uuidv7',
  'uuid_generate_v1',
  'uuid_generate_v1mc',
  'uuid_generate_v4',
  'nextval',
  'setval',
  'currval',
  'lastval',
  'pg_sleep',
]);

const stable =
  /^(?:now|(?:statement|transaction)_timestamp|timezone|date_trunc|to_(?:timestamp|char|date|json|jsonb)|make_\w+|lower|upper|concat|md5|format|length|abs|floor|ceil|round|trunc|jsonb?_\w+|array_\w+|string_to_array|current_\w+|date_part|nullif|repeat|encode|decode)$/;

/** `unknown`: it calls a function that only the server knows, or that it lacks. A volatile default is computed for each row. */
export function volatilityOf(
  expression: Node | undefined,
  {target, madeFunction}: SchemaState,
): 'constant' | 'volatile' | 'unknown' {
  const called = [...descendants(expression)].flatMap(node =>
    'funcname' in node ? (stringsOf(node.funcname as Node[]).at(-1) ?? []) : [],
  );
  const isVolatile = (name: string) =>
    madeFunction(name) ??
    target?.functions.find(each => each.name === name)?.is_volatile ??
    (stable.test(name) ? false : null);
  if (called.some(name => volatile.has(name) || isVolatile(name) === true)) return 'volatile';
  return called.every(name => isVolatile(name) === false) ? 'constant' : 'unknown';
}

/** Functions of PostgreSQL that stand in migrations, beside those above. */
const common =
  /^(?:count|sum|min|max|avg|bool_(?:and|or)|every|(?:string|array|jsonb?)_agg|jsonb?_object_agg|set_config|current_setting|pg_get_serial_sequence|row_number|(?:dense_)?rank|lag|lead|(?:first|last)_value|generate_series|unnest|regexp_(?:replace|match|matches)|replace|substr|substring|[bl]?trim|rtrim|split_part|left|right|[lr]pad|position|strpos|extract|age|to_(?:regclass|regtype|number)|quote_(?:ident|literal)|char_length|initcap|reverse|mod|power|overlay|cardinality|pg_notify|ceiling|greatest|least|coalesce|translate|obj_description|version|currtid|has_\w+_privilege)$/;

/** Functions of PostgreSQL that wait, or run for as long as their arguments say. */
const slow =
  /^(?:pg_sleep|pg_(?:try_)?advisory_|query_to_|table_to_|database_to_|schema_to_|cursor_to_|pg_wal_replay_wait|lo_|ts_stat|ts_rewrite)/;

/** Whether a call runs only PostgreSQL's own code, and immediately. */
export function isHarmless(names: readonly string[], {target, madeFunction}: SchemaState): boolean {
  const name = names.at(-1) ?? '';
  const schema = names.at(-2) ?? 'pg_catalog';
  if (schema !== 'pg_catalog' || slow.test(name) || madeFunction(name) !== null) return false;
  return target === null
    ? volatile.has(name) || stable.test(name) || common.test(name)
    : target.functions.some(each => each.name === name && each.is_own);
}
