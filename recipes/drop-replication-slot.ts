import {AbortError, exitCodes} from '../source/core/errors.ts';
import {completeParams, readValues} from '../source/core/recipe/parameters.ts';
import {quoteLiteral} from '../source/core/sql/quote.ts';
import {counted, formatBytes} from '../source/core/text/format.ts';
import type {Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {RecipeData} from '../source/model/recipe-data.ts';
import type {ReplicationSlot} from '../source/model/server-facts.ts';
import type {Snapshot} from '../source/model/snapshot.ts';
import type {SqlStep} from '../source/model/step.ts';

const parameters: Parameter[] = [
  {
    name: 'slot',
    description: 'The replication slot, by its exact name',
    kind: 'text',
    default: '',
    is_required: true,
    suggest: (_, {replication}) => (replication?.slots ?? []).filter(isDroppable).map(({name}) => name),
  },
];

/** The assessment recommends it, where a slot holds back vacuum or keeps WAL. */
const recipe: Recipe = {
  id: 'drop-replication-slot',
  title: 'Drop a replication slot',
  summary:
    'Drops one named slot whose consumer is gone, so that vacuum and WAL are not held back; cannot be undone',
  parameters,
  diagnose: () => [],
  planRequires: () => ({replication: true}),
  plan,
};
export default recipe;

/** A temporary slot ends with its session; one that is synchronised from the primary ends there (slot.c refuses to drop it). */
function isDroppable({is_active, is_temporary, is_synced}: ReplicationSlot): boolean {
  return !is_active && !is_temporary && !is_synced;
}

function plan(_snapshot: Snapshot, params: ParameterValues, {replication}: RecipeData): Plan {
  const name = readValues(params, parameters)('slot').trim();
  const slot = replication?.slots.find(each => each.name === name);
  if (slot === undefined)
    throw new AbortError(`there is no replication slot "${name}"`, {
      exitCode: exitCodes.usage,
      hint: 'Its name is compared exactly; see pg_replication_slots.',
    });
  const steps = isDroppable(slot) ? [dropStep(slot)] : [];
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: explain(slot),
    steps,
    skipped: isDroppable(slot) ? [] : [toSkipped(slot)],
    batch_size: 1,
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  };
}

/**
 * A slot has no oid. It is the same one if it is not in use and still stands where it stood: restart_lsn, xmin and catalog_xmin
 * move as soon as a consumer connects, and a new slot of the same name begins elsewhere, a physical one only after the next
 * checkpoint. From 17 on it also has no consumer since the same moment, to the microsecond.
 */
function dropStep(slot: ReplicationSlot): SqlStep {
  const {name, kind, plugin, restart_lsn, xmin, catalog_xmin, inactive_since = null} = slot;
  const isSame =
    "s.slot_name = $1 AND s.slot_type = $2 AND s.plugin IS NOT DISTINCT FROM $3 AND s.restart_lsn IS NOT DISTINCT FROM $4::pg_lsn AND s.xmin::text IS NOT DISTINCT FROM $5 AND s.catalog_xmin::text IS NOT DISTINCT FROM $6 AND (pg_catalog.to_jsonb(s) ->> 'inactive_since')::timestamptz IS NOT DISTINCT FROM $7::timestamptz";
  const values = [name, kind, plugin, restart_lsn, xmin, catalog_xmin, inactive_since];
  return {
    kind: 'sql',
    title: `drop replication slot ${name}`,
    subject: `replication slot:${name}`,
    guard: {
      query: {
        text: `SELECT CASE WHEN count(*) = 0 THEN 'there is no such slot any more' WHEN bool_or(s.active) THEN 'a consumer is connected to it' WHEN bool_and(${isSame}) THEN 'unused' ELSE 'it was used, or created again, since the preview' END AS guard FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1`,
        values,
      },
      expect: {column: 'guard', op: '=', value: 'unused'},
    },
    apply: {
      text: `SELECT pg_catalog.pg_drop_replication_slot(s.slot_name) FROM pg_catalog.pg_replication_slots s WHERE NOT s.active AND ${isSame}`,
      values,
    },
    undo: 'irreversible',
    verify: {
      query: {
        text: 'SELECT count(*)::int4 AS remaining FROM pg_catalog.pg_replication_slots s WHERE s.slot_name = $1',
        values: [name],
      },
      expect: {column: 'remaining', op: '=', value: 0},
    },
    lock: 'none',
    transaction: false,
    timeout_ms: 10_000,
  };
}

function explain(slot: ReplicationSlot): string[] {
  const {name, kind, plugin, database, xmin_age, retained_bytes, wal_status} = slot;
  const what = kind === 'logical' ? `logical (${plugin}) of database ${database}` : 'physical';
  const held = [
    ...(xmin_age === null ? [] : [`vacuum by ${counted(xmin_age, 'transaction')}`]),
    ...(retained_bytes === null ? [] : [`${formatBytes(retained_bytes)} of WAL (${wal_status})`]),
  ];
  if (!isDroppable(slot)) return [`Replication slot ${name} is ${what}. Nothing to drop.`];
  return [
    `Replication slot ${name} is ${what}, and no consumer is connected to it.`,
    ...(held.length === 0 ? [] : [`It holds back ${held.join(' and ')}.`]),
    'A consumer that comes back finds no slot: it has to be set up again from a full copy.',
    'The slot is dropped only if nothing has used it since this preview.',
  ];
}

function toSkipped({name, is_active, is_synced, active_pid}: ReplicationSlot): Skipped {
  const reason =
    is_active && !is_synced
      ? `a consumer is connected to it (pid ${active_pid}): stop the consumer first`
      : is_synced
        ? 'it is synchronised from the primary: drop it there'
        : 'it is temporary: it ends with its session';
  return {
    subject: `replication slot:${name}`,
    description: `DROP SLOT ${quoteLiteral(name)}`,
    reason,
  };
}
