import type {AssessmentFacts} from '../../model/assessment-facts.ts';
import type {PoolerServer} from '../../model/pooler.ts';
import type {RecordedSnapshot} from '../../model/ports.ts';
import type {Finding, Recipe, Severity} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {assessmentFacts, assessmentRequires, harmsOfFacts} from '../assessment/facts.ts';
import {AbortError, exitCodes} from '../errors.ts';
import {mostClients} from '../pool/pooler.ts';
import {messageOf} from '../text/redact.ts';

/** How often diagnoses get new recipe data, which is expensive to read and changes slowly. */
const diagnosisDataEveryMs = 60_000;

/** The same of the facts that are cheap to read, while a finding rests on them: it goes soon after its cause. */
const factsEveryMs = 15_000;

/** The same of a PgBouncer's queues, where one is known: they come and go. */
export const poolerEveryMs = 5000;

/** When data was last requested, in milliseconds of one clock; null: not yet. */
export type DataTimes = {all_ms: number | null; facts_ms: number | null; pooler_ms: number | null};

/** Everything, the facts that are cheap to read, or the pooler alone. */
export type DueData = 'all' | 'facts' | 'pooler';

/** What has to be read now. A clock can be set back. */
export function dueData(
  now_ms: number,
  {all_ms, facts_ms, pooler_ms}: DataTimes,
  {findings, data}: {findings: readonly Finding[]; data: DiagnosisData},
): DueData | null {
  const isOlder = (at_ms: number | null, age_ms: number) =>
    at_ms === null || Math.abs(now_ms - at_ms) >= age_ms;
  if (isOlder(all_ms, diagnosisDataEveryMs)) return 'all';
  const restsOnFacts = findings.some(({harm}) => harm !== undefined && harmsOfFacts.has(harm.kind));
  if (restsOnFacts && isOlder(facts_ms, factsEveryMs)) return 'facts';
  return data.ofAssessment.pooler !== undefined && isOlder(pooler_ms, poolerEveryMs) ? 'pooler' : null;
}

/** The times after `due` has been requested: what is more contains what is less. */
export function timesAfter(due: DueData, now_ms: number, {all_ms, facts_ms}: DataTimes): DataTimes {
  return {
    all_ms: due === 'all' ? now_ms : all_ms,
    facts_ms: due === 'pooler' ? facts_ms : now_ms,
    pooler_ms: now_ms,
  };
}

export type Diagnosis = {
  findings: Finding[];
  /** Recipes whose `diagnose` threw, and why: a team recipe may. */
  failed: {recipe: string; reason: string}[];
};

/** What the recipes see. A recipe that throws does not affect the others. */
export function diagnoseAll(recipes: readonly Recipe[], snapshot: Snapshot, facts: RecipeData): Diagnosis {
  const findings: Finding[] = [];
  const failed: Diagnosis['failed'] = [];
  for (const recipe of recipes) {
    try {
      findings.push(...recipe.diagnose(snapshot, facts));
    } catch (error) {
      failed.push({recipe: recipe.id, reason: error instanceof Error ? error.message : String(error)});
    }
  }
  return {findings, failed};
}

/** The highest severity among the findings; null without one. */
export function worstSeverity(findings: readonly {severity: Severity}[]): Severity | null {
  if (findings.some(({severity}) => severity === 'critical')) return 'critical';
  return findings.length > 0 ? 'warning' : null;
}

/** Bounds what a team recipe can add to a recording. */
const maxFindings = 100;

/**
 * Adds to a snapshot the facts of its assessment, and of what the recipes `diagnosed` the findings that need other data,
 * such as an invalid index: that data is too large to record. The findings keep their text until the data is read again,
 * so a recording stores only what appears and disappears.
 */
export function attachFactFindings(
  recipes: readonly Recipe[],
): (snapshot: Snapshot, data: DiagnosisData, diagnosed: readonly Finding[]) => RecordedSnapshot {
  const requiring = recipes.filter(({diagnoseRequires}) => diagnoseRequires !== undefined);
  const ids = new Set(requiring.map(({id}) => id));
  let last: {facts: RecipeData; keys: string; findings: Finding[]} = {facts: {}, keys: '', findings: []};
  return (snapshot, {facts, ofAssessment}, diagnosed) => {
    const without = new Set(diagnoseAll(requiring, snapshot, {}).findings.map(keyOf));
    const own = diagnosed
      .filter(each => ids.has(each.recipe) && !without.has(keyOf(each)))
      .slice(0, maxFindings);
    const keys = own.map(each => `${each.severity} ${keyOf(each)}`).join('\n');
    if (facts !== last.facts || keys !== last.keys) {
      last = {facts, keys, findings: own.map(({params: _, ...finding}) => finding)};
    }
    return {...snapshot, facts: withoutMost(ofAssessment), fact_findings: last.findings};
  };
}

/** Clients and server connections of PgBouncer that a recording keeps: those that have each other before the others. */
const mostOfPooler = 100;

function withoutMost(facts: AssessmentFacts): AssessmentFacts {
  const {pooler} = facts;
  if (pooler === undefined) return facts;
  const clients = pooler.clients && mostClients(pooler.clients, mostOfPooler);
  const isActive = ({state}: PoolerServer) => Number(state === 'active');
  const servers = pooler.servers.toSorted((a, b) => isActive(b) - isActive(a)).slice(0, mostOfPooler);
  return {...facts, pooler: {...pooler, clients, servers}};
}

/** Identifies a finding between snapshots. */
export function keyOf({recipe, subject}: Finding): string {
  return `${recipe} ${subject}`;
}

/** A fact that could not be read, and why. */
type Unread = {fact: string; reason: string};

/** What diagnoses require beyond the snapshot, and what of it could not be read. */
export type DiagnosisData = {
  facts: RecipeData;
  /** Of these, what the assessment reads. */
  ofAssessment: AssessmentFacts;
  unread: Unread[];
};

export const noDiagnosisData: DiagnosisData = {facts: {}, ofAssessment: {}, unread: []};

type Load = (needs: DataRequirements) => Promise<RecipeData>;

/**
 * Loads the facts that the assessment and the recipes' diagnoses require, each once and separately: one that cannot be read is listed in
 * `unread` and does not affect the others. Throws if the connection is lost or the user interrupts.
 */
export async function loadDiagnosisData(recipes: readonly Recipe[], load: Load): Promise<DiagnosisData> {
  const required = [assessmentRequires, ...recipes.map(({diagnoseRequires = {}}) => diagnoseRequires)];
  return withFacts(noDiagnosisData, await loadEach(required, load));
}

/**
 * Loads the facts of the assessment again, without the catalog, which is expensive to read, or the pooler alone. Throws as
 * `loadDiagnosisData`.
 */
export async function loadFacts(load: Load, due: Exclude<DueData, 'all'> = 'facts'): Promise<LoadedFacts> {
  const {catalog: _, ...cheap} = assessmentRequires;
  return loadEach([due === 'pooler' ? {pooler: true} : cheap], load);
}

/** What was read, and the requested facts that could not be. */
export type LoadedFacts = {facts: RecipeData; unread: Unread[]};

/** The data with facts that were read later. One that could not be read again is kept. */
export function withFacts(data: DiagnosisData, {facts, unread}: LoadedFacts): DiagnosisData {
  // A PgBouncer that answers no more has no queue that is known.
  const {pooler, ...others} = data.ofAssessment;
  return {
    facts: {...data.facts, ...facts},
    ofAssessment: {
      ...others,
      ...(pooler !== undefined && facts.pooler === undefined && {pooler}),
      ...assessmentFacts(facts),
    },
    unread: [
      ...data.unread.filter(({fact}) => !(fact in facts) && !unread.some(each => each.fact === fact)),
      ...unread,
    ],
  };
}

/** One request per fact, and one per query of a team recipe, so that an invalid query does not affect the others. */
async function loadEach(required: readonly DataRequirements[], load: Load): Promise<LoadedFacts> {
  const requests = new Map<string, DataRequirements>();
  for (const {answers = {}, ...facts} of required) {
    for (const [fact, need] of Object.entries(facts)) requests.set(fact, {[fact]: need});
    for (const [name, query] of Object.entries(answers)) requests.set(name, {answers: {[name]: query}});
  }
  const facts: RecipeData = {};
  const unread: Unread[] = [];
  for (const [fact, needs] of requests) {
    try {
      const {answers, ...read} = await load(needs);
      Object.assign(facts, read, answers && {answers: {...facts.answers, ...answers}});
    } catch (error) {
      if (isFatal(error)) throw error;
      unread.push({fact, reason: messageOf(error)});
    }
  }
  return {facts, unread};
}

const fatal: readonly number[] = [exitCodes.connection, exitCodes.noSlot, exitCodes.interrupted];

function isFatal(error: unknown): boolean {
  return error instanceof AbortError && fatal.includes(error.exitCode);
}
