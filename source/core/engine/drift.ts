import type {JournalEntry} from '../../model/journal-entry.ts';
import type {EnginePorts, Recheck} from '../../model/ports.ts';
import type {GroupKey, ParameterValues, Plan, Recipe, WatchedGroup} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {RunState, RunStep, SlotUsage} from '../../model/run.ts';
import type {Backend, Snapshot} from '../../model/snapshot.ts';
import type {Step} from '../../model/step.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {subjectOf} from '../sessions/protection.ts';
import {canonicalJson} from '../text/json.ts';
import {messageOf} from '../text/redact.ts';
import type {Stop} from './interruption.ts';
import {canAct, planRecipe} from './plan.ts';
import {slotsOf} from './run-state.ts';
import {findRun, planUndo} from './undo.ts';

export type DriftPorts = {
  /** Takes a new snapshot. */
  read(): Promise<Snapshot>;
  /** Reads the facts again. */
  load(needs: DataRequirements): Promise<RecipeData>;
};

/**
 * Detects drift between preview and execution. `slots` takes a snapshot before each batch, and the recipe plans again on
 * the first one, or on each if it reads no facts but of sessions. `recheck` then stops the run before a step that is no longer planned, if the recipe reads other facts, and
 * skips a session that has ended or that the plan now skips (it started a dump, a migration, an index build). Other changes
 * of a session are left to the guard in its statement.
 */
export function createDriftCheck(
  recipe: Recipe,
  params: ParameterValues,
  {read, load: loadData}: DriftPorts,
): Pick<EnginePorts, 'slots' | 'recheck'> {
  const requires = recipe.planRequires?.(params) ?? {};
  // What sessions hold is as fleeting as they are.
  const readsFacts = Object.keys(requires).some(name => name !== 'sessions');
  let now: Planned | null = null;
  async function planOn(snapshot: Snapshot): Promise<Planned> {
    const facts = await loadData(requires);
    const plan = canAct(recipe) ? planRecipe(recipe, snapshot, params, facts) : undefined;
    return {
      steps: new Set(plan?.steps.map(canonicalJson)),
      skipped: new Map(plan?.skipped.map(({subject, reason}) => [subject, reason])),
      backends: new Map(snapshot.backends.map(backend => [subjectOf(backend.pid), backend])),
    };
  }
  return {
    async slots() {
      const snapshot = await read();
      if (now === null || !readsFacts) now = await planOn(snapshot);
      return slotsOf(snapshot.budget);
    },
    async recheck(step): Promise<Recheck> {
      try {
        // The run goes on where `slots` failed; but what was not read is neither planned nor ended.
        if (now === null && readsFacts) now = await planOn(await read());
      } catch (error) {
        return {kind: 'stop', reason: `the plan could not be made again: ${messageOf(error)}`};
      }
      if (now === null || now.steps.has(canonicalJson(step))) return {kind: 'go'};
      const reason = now.skipped.get(step.subject);
      if (reason !== undefined) return {kind: 'skip', reason: `skipped now: ${reason}`};
      if (!readsFacts) return {kind: 'go'};
      // Nothing is left to end; that changes nothing for the other steps.
      if (hasEnded(step, now.backends)) return {kind: 'skip', reason: 'the session has ended', is_met: true};
      return {
        kind: 'stop',
        reason: `changed since the preview: "${step.title}" is no longer planned`,
      };
    },
  };
}

/** What the recipe plans on a later snapshot. */
type Planned = {
  steps: ReadonlySet<string>;
  /** Reasons by subject. */
  skipped: ReadonlyMap<string, string>;
  backends: ReadonlyMap<string, Backend>;
};

/** Another session may have the pid now. A start that is hidden from this role counts as the same. */
function hasEnded(step: Step, backends: Planned['backends']): boolean {
  if (step.kind !== 'sql' || !step.subject.startsWith('backend:')) return false;
  const backend = backends.get(step.subject);
  if (backend === undefined) return true;
  return backend.backend_start !== null && !step.apply.values.includes(backend.backend_start);
}

/** Rechecks an undo: a step is executed only if the undo planned from the journal still contains it. */
export function recheckUndo(
  run: string,
  entries: readonly JournalEntry[],
  {server, host}: {server: ServerIdentity; host: string | undefined},
): (step: Step) => Promise<Recheck> {
  const {steps} = planUndo(findRun(entries, run), {server, acting_pid: null, host: host ?? null});
  const planned = new Set(steps.map(canonicalJson));
  return async step =>
    planned.has(canonicalJson(step))
      ? {kind: 'go'}
      : {
          kind: 'stop',
          reason: `the journal changed since the preview: "${step.title}" is no longer planned`,
        };
}

/**
 * One line if a group whose sessions were ended has as many sessions as before: its application reconnects immediately, and
 * ending more sessions frees no slots. Null otherwise.
 */
export function detectReconnect(
  plan: Plan,
  steps: readonly RunStep[],
  before: SlotUsage | null,
  now: SlotUsage | null,
): string | null {
  if (before === null || now === null || plan.tolerates_reconnect) return null;
  for (const group of plan.watch_groups) {
    if (!group.steps.some(index => steps[index]?.result?.outcome === 'verified')) continue;
    const countBefore = countOf(before, group);
    const countNow = countOf(now, group);
    if (countBefore > 0 && countNow >= countBefore)
      return `${describeGroup(group)} holds ${countNow} sessions again, ${countBefore} before: it reconnects immediately`;
  }
  return null;
}

/** The group of a step's session, if one of its sessions was ended and what ended with it was not looked at. */
export function unseenGroup(
  {watch_groups}: Plan,
  steps: readonly RunStep[],
  seen: Set<WatchedGroup>,
  index: number,
): WatchedGroup | null {
  const group = watch_groups.find(each => each.steps.includes(index));
  if (group === undefined || seen.has(group)) return null;
  if (!group.steps.some(step => steps[step]?.result?.outcome === 'verified')) return null;
  seen.add(group);
  return group;
}

/** Why a run ends before its next step, by the sessions that are left; null if it goes on. */
export function stopAfterEnding(
  plan: Plan,
  {steps, before, after}: Pick<RunState, 'steps' | 'before' | 'after'>,
  {group, isNewBatch}: {group: WatchedGroup | null; isNewBatch: boolean},
): Stop | null {
  const vanished = group && detectVanished(group, steps, before, after);
  if (vanished !== null) {
    return {
      status: 'stopped',
      reason: vanished,
      hint: "its process may have exited, as node-postgres does without an 'error' listener; check that it runs again before you end more sessions",
    };
  }
  // After a single session one that is new may be chance.
  const reconnect = isNewBatch ? detectReconnect(plan, steps, before, after) : null;
  if (reconnect === null) return null;
  return {
    status: 'stopped',
    reason: reconnect,
    hint: 'ending more sessions frees nothing: stop or fix that application, or limit its role (ALTER ROLE ... CONNECTION LIMIT)',
  };
}

/**
 * One line if other sessions of a group ended with the first one, at least two and a quarter of them: their process has probably
 * ended. Null otherwise.
 */
function detectVanished(
  group: WatchedGroup,
  steps: readonly RunStep[],
  before: SlotUsage | null,
  now: SlotUsage | null,
): string | null {
  if (before === null || now === null) return null;
  const ended = group.steps.filter(index => steps[index]?.result?.outcome === 'verified').length;
  const others = countOf(before, group) - ended;
  const vanished = others - countOf(now, group);
  if (vanished < Math.max(2, others / 4)) return null;
  return `${vanished} of ${others} other sessions of ${describeGroup(group)} ended with the first one`;
}

/** `web/app@10.0.0.7`: application, role and client. */
function describeGroup({application_name, usename, client_addr}: GroupKey): string {
  return `${application_name || '(no name)'}/${usename}@${client_addr ?? 'local'}`;
}

function countOf(slots: SlotUsage, group: GroupKey): number {
  return (
    slots.groups.find(
      ({application_name, usename, client_addr}) =>
        application_name === group.application_name &&
        usename === group.usename &&
        client_addr === group.client_addr,
    )?.count ?? 0
  );
}
