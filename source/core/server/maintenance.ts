import type {Maintenance, TableUpkeep, XminHolder} from '../../model/maintenance.ts';
import type {AdviceStep, SqlStep, Verification} from '../../model/step.ts';
import {thresholds} from '../health/thresholds.ts';
import {quoteIdentifier, quoteLiteral} from '../sql/quote.ts';

/** Tables that autovacuum has to do are counted up to so many. */
export const mostDue = 10;

/** `schema.name`. */
export function nameOf({schema, name}: TableUpkeep): string {
  return `${schema}.${name}`;
}

export function tableSubject(table: TableUpkeep): string {
  return `table:${nameOf(table)}`;
}

/** For SQL. */
export function quotedName({schema, name}: Pick<TableUpkeep, 'schema' | 'name'>): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/**
 * Runs ANALYZE in a transaction, so that a cancelled one has no effect. It is verified by the server's count of
 * manual ANALYZEs, because rows and times keep changing.
 */
export function analyzeStep(table: TableUpkeep): SqlStep {
  const {oid, schema, name, analyze_count} = table;
  return {
    kind: 'sql',
    title: `analyze ${nameOf(table)}`,
    subject: tableSubject(table),
    guard: {
      query: {
        text: "SELECT CASE WHEN count(*) = 1 THEN 'there' ELSE 'the table was dropped or renamed' END AS guard FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid AND n.nspname = $2 AND c.relname = $3",
        values: [oid, schema, name],
      },
      expect: {column: 'guard', op: '=', value: 'there'},
    },
    settings: {lock_timeout: '5s'},
    proof: isLocked(oid),
    apply: {text: `ANALYZE ${quotedName(table)}`, values: []},
    undo: 'unneeded',
    verify: {
      query: {text: 'SELECT pg_catalog.pg_stat_get_analyze_count($1::oid) AS analyzed', values: [oid]},
      expect: {column: 'analyzed', op: '>', value: analyze_count},
    },
    progress: 'analyze',
    lock: 'share',
    lock_mode: 'SHARE UPDATE EXCLUSIVE',
    transaction: true,
    timeout_ms: 0,
  };
}

/** ANALYZE takes a name; the lock it holds until the transaction ends shows which table it analyzed. */
function isLocked(oid: string): Verification {
  return {
    query: {
      text: "SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'relation' AND relation = $1::oid AND mode = 'ShareUpdateExclusiveLock' AND pid = pg_catalog.pg_backend_pid()) THEN 'analyzed' ELSE 'the table was dropped or renamed' END AS guard",
      values: [oid],
    },
    expect: {column: 'guard', op: '=', value: 'analyzed'},
  };
}

/** A slot or a standby does not say since when it holds its xmin: autovacuum in vain comes again every minute. */
const lately_ms = 600_000;

/**
 * What keeps a table's dead rows: it is older than the last vacuum of the table, which left them. null: not known. Without a
 * vacuum since, they may have been dead before, and the next vacuum may remove them all.
 */
export function holderOf(
  {xmin_holders}: Maintenance,
  {vacuum_age_ms}: Pick<TableUpkeep, 'vacuum_age_ms'>,
): XminHolder | null {
  if (vacuum_age_ms === null) return null;
  return (
    lasting(xmin_holders).find(
      // With an age of 1 or 0 nothing has been committed that it may not see.
      ({xmin_age, age_ms}) => xmin_age > 1 && vacuum_age_ms < (age_ms ?? lately_ms),
    ) ?? null
  );
}

/** A transaction older than the threshold, a slot, a standby; the oldest first. A prepared one is meant for a moment. */
export function lasting(holders: readonly XminHolder[]): XminHolder[] {
  const {open_transaction_ms, longest_idle_in_transaction_ms} = thresholds;
  return holders.filter(({kind, age_ms}) => {
    // The age of a hidden session is not known; a slot or a standby has none.
    if (age_ms === null) return kind !== 'backend';
    const least = kind === 'prepared transaction' ? longest_idle_in_transaction_ms : open_transaction_ms;
    return age_ms >= least.warning;
  });
}

/** Advises how to end what holds vacuum back, or to run VACUUM. */
export function vacuumAdvice(table: TableUpkeep, maintenance: Maintenance): AdviceStep {
  const holder = holderOf(maintenance, table);
  const [oldest] = lasting(maintenance.xmin_holders).filter(({xmin_age}) => xmin_age > 1);
  const vacuum = `VACUUM (ANALYZE, VERBOSE) ${quotedName(table)};`;
  const setting = table.is_autovacuum_enabled
    ? []
    : [`Autovacuum is off for this table: ALTER TABLE ${quotedName(table)} RESET (autovacuum_enabled);`];
  const because =
    holder === null
      ? [
          ...(oldest === undefined
            ? [
                'Nothing holds it back: autovacuum is too slow for this table, or was cancelled by lock requests.',
                ...setting,
                vacuum,
              ]
            : [
                'Whether something holds it back is not known: no vacuum of this table is known to have run since.',
                ...setting,
                vacuum,
                `If dead rows stay: ${oldest.kind} ${oldest.name} (${oldest.description}) may still see them.`,
                howToRelease(oldest),
              ]),
        ]
      : [
          `Dead rows cannot be removed while ${holder.kind} ${holder.name} (${holder.description}) may still see them.`,
          howToRelease(holder),
          ...setting,
          `Then: ${vacuum}`,
        ];
  return {
    kind: 'advice',
    title: `vacuum ${nameOf(table)}`,
    subject: `vacuum:${nameOf(table)}`,
    text: because.join('\n'),
  };
}

function howToRelease({kind, name}: XminHolder): string {
  switch (kind) {
    case 'backend':
      return `End its transaction first: poolctl run kill-idle-sessions --set pid=${name}, or cancel-statements if it is active.`;
    case 'prepared transaction':
      return `Finish it first: ROLLBACK PREPARED ${quoteLiteral(name)}; or COMMIT PREPARED, as its coordinator decides.`;
    case 'replication slot':
      return `If the slot is no longer needed: SELECT pg_drop_replication_slot(${quoteLiteral(name)}); otherwise restart its consumer.`;
    case 'standby':
      return 'A query on that standby holds it back (hot_standby_feedback): end the query there.';
  }
}
