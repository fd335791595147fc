import {changedTable} from '../assessment/locked-object.ts';
import {advisoryKeyOwner} from './advisory-keys.ts';

/** What identifies a lock, as pg_locks has it. Members that its kind does not have are null. */
export type LockTag = {
  locktype: string;
  /** By name; null for what the databases share. */
  database: string | null;
  /** It is of another database than the connected one, whose names are not visible. */
  is_elsewhere: boolean;
  /** A name, elsewhere an oid. Of a wait for a transaction: the table of the row, if a tuple lock names it. */
  relation: string | null;
  page: number | null;
  virtualxid: string | null;
  transactionid: string | null;
  /** The catalog and the object in it, by name if it has one; for advisory locks only the oids matter. */
  catalog: string | null;
  object_name: string | null;
  classid: number | null;
  objid: number | null;
  objsubid: number | null;
  /** Of a wait for a transaction: tables in which it and the waiting session may both have changed rows. */
  tables: readonly string[];
};

/** What a session waits for, for people: `row of public.orders`, `advisory lock 72707369 (Prisma Migrate)`. */
export function awaitedObject(
  tag: LockTag,
  {holder, query}: {holder: number | null; query: string | null},
): string {
  const {locktype, page, virtualxid, transactionid} = tag;
  switch (locktype) {
    case 'relation':
      return `relation ${relationOf(tag)}`;
    case 'extend':
      return `extending ${relationOf(tag)}`;
    case 'page':
      return `page ${page} of ${relationOf(tag)}`;
    case 'tuple':
      return `row of ${awaitedTable(tag, query)}${elsewhere(tag)}`;
    case 'transactionid': {
      const table = awaitedTable(tag, query);
      return table === null ? `transaction ${transactionid}` : `row of ${table}`;
    }
    case 'virtualxid':
      return `virtual transaction ${virtualxid}${holder === null ? '' : ` of ${holder}`}`;
    case 'spectoken':
      return 'speculative token';
    case 'frozenid':
      return `frozen transaction id of database ${tag.database}`;
    case 'applytransaction':
      return `replicated transaction ${transactionid}`;
    case 'advisory':
      return advisoryLock(tag) + elsewhere(tag);
    case 'object':
      return sharedOrNamedObject(tag) + elsewhere(tag);
    default:
      return locktype;
  }
}

function relationOf(tag: LockTag): string {
  return `${tag.relation}${elsewhere(tag)}`;
}

function elsewhere({is_elsewhere, database}: LockTag): string {
  return is_elsewhere ? ` of database ${database}` : '';
}

/**
 * The table of the row that a session waits for; among several, the one that the statement names. Of another database only
 * the oid is known: the statement's own name for the table says more.
 */
function awaitedTable({relation, tables}: LockTag, query: string | null): string | null {
  const known = relation === null ? tables : [relation];
  const written = changedTable(query ?? '');
  const [only] = known;
  if (known.length > 1) return known.find(table => written !== null && isNamed(table, written)) ?? written;
  if (only === undefined || !/^\d+$/.test(only)) return only ?? written;
  return written ?? `relation ${only}`;
}

/** `public."Order"` is named by `Order` and by `public.Order`. */
function isNamed(table: string, written: string): boolean {
  const plain = table.replaceAll('"', '').toLowerCase();
  const name = written.toLowerCase();
  return plain === name || plain.endsWith(`.${name}`);
}

/** A bigint key is in classid and objid, and objsubid is 1; two int keys have objsubid 2 (lockfuncs.c). */
export function advisoryLock({
  classid,
  objid,
  objsubid,
  database,
}: Pick<LockTag, 'classid' | 'objid' | 'objsubid' | 'database'>): string {
  if (classid === null || objid === null) return 'advisory lock';
  if (objsubid === 2) return `advisory lock (${classid | 0}, ${objid | 0})`;
  const key = BigInt.asIntN(64, (BigInt(classid) << 32n) | BigInt(objid));
  const owner = advisoryKeyOwner(key, database ?? '');
  return `advisory lock ${key}${owner === null ? '' : ` (${owner})`}`;
}

/** NOTIFY locks the object 0 of pg_database at its commit, on the whole server (PreCommit_Notify in async.c). */
function sharedOrNamedObject({catalog, object_name, objid, database}: LockTag): string {
  if (catalog === 'pg_database' && objid === 0 && database === null) return 'NOTIFY';
  const kind = kinds.get(catalog ?? '');
  if (kind !== undefined && object_name !== null) return `${kind} ${object_name}`;
  return `object ${objid} of ${catalog}`;
}

const kinds: ReadonlyMap<string, string> = new Map([
  ['pg_authid', 'role'],
  ['pg_database', 'database'],
  ['pg_extension', 'extension'],
  ['pg_namespace', 'schema'],
  ['pg_proc', 'function'],
  ['pg_type', 'type'],
]);
