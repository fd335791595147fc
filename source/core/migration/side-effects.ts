import type {MigrationTarget, TargetRelation} from '../../model/preflight.ts';
import type {Relation, SchemaState} from './schema-state.ts';

type Event = 'INSERT' | 'UPDATE' | 'DELETE';

/** Of pg_trigger.tgtype and pg_rewrite.ev_type. */
const bits: Record<Event, number> = {INSERT: 4, DELETE: 8, UPDATE: 16};
const ruleEvents: Record<Event, string> = {UPDATE: '2', INSERT: '3', DELETE: '4'};
/** Of pg_constraint.confdeltype and confupdtype: those that write. */
const actions: Record<string, string> = {c: 'CASCADE', n: 'SET NULL', d: 'SET DEFAULT'};
const most = 5;

/**
 * What writing rows of a relation does besides, by name: the functions of its triggers, its rules, the tables whose rows foreign keys
 * change along, each with its own triggers, and those that are looked into. None of it is counted. Without a server it is unknown.
 */
export function sideEffects(
  relation: Relation,
  {
    events,
    changed,
  }: {events: readonly Event[] /** By UPDATE; null: any. */; changed: readonly string[] | null},
  state: SchemaState,
): string[] {
  const {target} = state;
  if (target === null || relation.found === null)
    return relation.is_new
      ? []
      : ['not counted: what triggers, rules and foreign keys (checks, cascades) do'];
  const notes = new Set<string>();
  const seen = new Set<string>();
  const look = ({found, label}: Relation, event: Event, columns: readonly string[] | null): void => {
    if (found === null || seen.has(`${found.oid} ${event}`)) return;
    seen.add(`${found.oid} ${event}`);
    const functions = found.triggers.flatMap(each => (each.type & bits[event] ? `${each.function}()` : []));
    if (functions.length > 0) notes.add(`not counted: ${event} on ${label} calls ${listed(functions)}`);
    const rules = found.rules.flatMap(each => (each.event === ruleEvents[event] ? each.name : []));
    if (rules.length > 0) notes.add(`not counted: ${event} on ${label} runs its rules ${listed(rules)}`);
    const reached = event === 'INSERT' ? [] : along(found, event, columns, target, state);
    const texts = reached.map(each => `${each.relation.label} (ON ${event} ${each.action})`);
    if (texts.length > 0)
      notes.add(
        `not counted: ${event} on ${label} takes ROW EXCLUSIVE on ${listed(texts)}, and locks rows there`,
      );
    const checked =
      event === 'DELETE' ? [] : referencedBy(found, event === 'INSERT' ? null : columns, target, state);
    if (checked.length > 0)
      notes.add(
        `not counted: ${event} on ${label} takes ROW SHARE on ${listed(checked)}, to check its foreign keys`,
      );
    for (const each of reached)
      look(each.relation, each.action === 'CASCADE' ? event : 'UPDATE', each.columns);
  };
  for (const each of [relation, ...state.descendants(relation)])
    for (const event of events) look(each, event, event === 'UPDATE' ? changed : null);
  return [...notes];
}

/** The tables whose rows change when a row of this one is deleted, or its key changed. */
function along(
  {oid}: TargetRelation,
  event: Event,
  columns: readonly string[] | null,
  {foreign_keys}: MigrationTarget,
  state: SchemaState,
) {
  const found = new Map<string, {relation: Relation; action: string; columns: string[]}>();
  for (const key of foreign_keys) {
    const action = actions[event === 'DELETE' ? key.on_delete : key.on_update];
    const relation = state.byOid(key.table_oid);
    const isMeant = key.references_oid === oid && (event === 'DELETE' || changes(columns, key.referenced));
    if (isMeant && action !== undefined && relation !== null)
      found.set(key.table_oid, {relation, action, columns: key.columns});
  }
  return [...found.values()];
}

function changes(columns: readonly string[] | null, key: readonly string[]): boolean {
  return columns === null || key.some(each => columns.includes(each));
}

function referencedBy(
  {oid}: TargetRelation,
  columns: readonly string[] | null,
  {foreign_keys}: MigrationTarget,
  state: SchemaState,
): string[] {
  const own = foreign_keys.filter(key => key.table_oid === oid && changes(columns, key.columns));
  return [...new Set(own.flatMap(key => state.byOid(key.references_oid)?.label ?? []))];
}

function listed(names: readonly string[]): string {
  const shown = [...new Set(names)];
  const rest = shown.length - most;
  return rest > 0 ? `${shown.slice(0, most).join(', ')} and ${rest} more` : shown.join(', ');
}
