import type {Sample} from '../../model/assessment.ts';
import type {Clock, EnginePorts} from '../../model/ports.ts';
import type {Finding, HarmKind, Plan, Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {HarmAfter, RunHarm} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {type DiagnosisData, loadFacts, noDiagnosisData, withFacts} from '../recipe/diagnose.ts';
import {subjectOf} from '../sessions/protection.ts';
import {counted, formatSpan} from '../text/format.ts';
import {redactSecrets} from '../text/redact.ts';
import {assess} from './assess.ts';
import {poolName} from './context.ts';
import {rootsOf} from './lock-graph.ts';
import {addSample} from './samples.ts';

/** The findings with harm that a plan answers: the one that it was opened from, and those whose act or subject it is. */
export function answeredBy(
  {recipe, params, steps}: Plan,
  findings: readonly Finding[],
  isOpened: (finding: Finding) => boolean = () => false,
): Finding[] {
  const subjects = new Set(steps.map(({subject}) => subject));
  const isItsAct = ({acts = []}: Finding) =>
    acts.some(
      act =>
        act.recipe === recipe &&
        Object.entries(act.params).every(([name, value]) => covers(name, params[name] ?? '', value)),
    );
  return findings.filter(
    finding =>
      finding.harm !== undefined &&
      (isOpened(finding) || subjectsOf(finding).some(subject => subjects.has(subject)) || isItsAct(finding)),
  );
}

/** Whether a plan's parameter includes an act's. Not set it is all there is, but of sessions only those of its steps. */
function covers(name: string, planned: string, wanted: string): boolean {
  if (planned === '') return name !== 'pid';
  const all = new Set(planned.split(',').map(part => part.trim()));
  return planned === wanted || wanted.split(',').every(part => all.has(part.trim()));
}

/** Before a run, from the finding of its plan's time. */
function toRunHarm({harm, cause, subject, summary}: Finding): RunHarm {
  return {
    kind: harm?.kind ?? 'soon',
    cause: cause ?? null,
    subject,
    before: {summary: redactSecrets(summary), sessions: Math.round(harm?.sessions ?? 0)},
    after: null,
  };
}

/** What is known since a run. */
type Since = {
  recipes: readonly Recipe[];
  snapshot: Snapshot;
  /** Of the readings since. */
  samples: readonly Sample[];
  data: DiagnosisData;
  /** Whether the facts in `data` were read since. */
  areFactsNew: boolean;
};

/** Whether the harm of findings is gone, by the assessment of the readings since a run; [] without one. */
export function harmSince(before: readonly Finding[], since: Since): HarmAfter[] {
  const {samples} = since;
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return [];
  const {findings} = assess(since);
  const read = {readings: samples.length, over_ms: last.at_ms - first.at_ms};
  return before.map(finding => {
    const kind = finding.harm?.kind ?? 'soon';
    const unknown = {state: 'unknown' as const, summary: null, sessions: null, ...read};
    if (needsFacts.has(kind) && !since.areFactsNew) return unknown;
    const now = findings.find(each => isSameHarm(finding, each));
    if (now !== undefined)
      return {
        state: 'remains',
        summary: redactSecrets(now.summary),
        sessions: Math.round(now.harm?.sessions ?? 0),
        ...read,
      };
    const still = kind === 'waiting' ? stillWaiting(finding, since.snapshot) : [];
    if (still.length > 0)
      return {state: 'remains', summary: whoWaits(still, since.snapshot), sessions: still.length, ...read};
    const isReadEnough = kind !== 'slow' || samples.filter(({statements}) => statements !== null).length > 1;
    if (read.over_ms < showsWithinMs[kind] || !isReadEnough) return unknown;
    return {state: 'gone', summary: null, sessions: 0, ...read};
  });
}

/** Found only in the facts beyond the snapshot, so that newer snapshots alone do not show their end. */
const needsFacts: ReadonlySet<HarmKind> = new Set(['writes', 'vacuum', 'disk', 'soon']);

/** Harms of the whole server: the same harm even if another session or role causes it now. */
const serverWide: ReadonlySet<HarmKind> = new Set(['slots', 'writes', 'vacuum', 'disk']);

/** How long it takes until readings show such a harm; until then its absence proves nothing. */
const showsWithinMs: Record<HarmKind, number> = {
  writes: 0,
  waiting: 1000,
  slots: 1000,
  failing: 2000,
  slow: 4000,
  // Ten readings (pools-saturated.ts).
  pool: 10_000,
  chatty: 30_000,
  vacuum: 0,
  disk: 0,
  soon: 0,
};

function isSameHarm(before: Finding, now: Finding): boolean {
  if (now.harm === undefined) return false;
  if (now.subject === before.subject && now.cause === before.cause) return true;
  if (now.harm.kind !== before.harm?.kind) return false;
  if (serverWide.has(now.harm.kind)) return true;
  const subjects = new Set(subjectsOf(before));
  return subjectsOf(now).some(subject => subjects.has(subject));
}

/** What it is about and what it accounts for, by name: not `statistics`, nor `indexes:missing`. */
function subjectsOf({subject, explains = []}: Finding): string[] {
  return [subject, ...explains].filter(each => each.includes(':') && each !== 'indexes:missing');
}

/** Shorter waits occur on any busy server. */
const briefWaitMs = 500;

/** The pids that still wait of those in the finding. Read from the snapshot, as a wait is a finding only after some seconds. */
function stillWaiting(before: Finding, {lock_waits}: Snapshot): number[] {
  const subjects = new Set(subjectsOf(before));
  return lock_waits
    .filter(
      ({pid, wait_age_ms}) => subjects.has(subjectOf(pid)) && (wait_age_ms ?? briefWaitMs) >= briefWaitMs,
    )
    .map(({pid}) => pid);
}

/** `4 sessions still wait, for reporting/analyst (4711)`. */
function whoWaits(pids: readonly number[], snapshot: Snapshot): string {
  const roots = rootsOf(snapshot);
  const holders = [...new Set(pids.flatMap(pid => roots.get(pid) ?? []))].slice(0, mostHolders).map(pid => {
    const backend = snapshot.backends.find(each => each.pid === pid);
    if (backend !== undefined) return `${poolName(backend)} (${pid})`;
    return pid === 0 ? 'a prepared transaction' : `process ${pid}`;
  });
  const who = `${counted(pids.length, 'session')} still ${pids.length === 1 ? 'waits' : 'wait'}`;
  return holders.length === 0 ? who : `${who}, for ${holders.join(', ')}`;
}

const mostHolders = 3;

/** `unknown` does not replace an earlier result. */
export function withAfter(harm: readonly RunHarm[], after: readonly HarmAfter[]): RunHarm[] {
  return harm.map((each, index) => {
    const next = after[index];
    const isNews = next !== undefined && (each.after === null || next.state !== 'unknown');
    return isNews ? {...each, after: next} : each;
  });
}

export type ReadingPorts = {
  recipes: readonly Recipe[];
  read(): Promise<Snapshot>;
  load(needs: DataRequirements): Promise<RecipeData>;
  clock: Clock;
};

/** As `check` reads: harm that comes and goes shows between readings. */
const readings = 3;
const everyMs = 1000;
const longestMs = 5000;

/** How the engine sees whether the harm that a run answers is gone; nothing where it answers none. */
export function harmPort(before: readonly Finding[], ports: ReadingPorts): Pick<EnginePorts, 'harm'> {
  if (before.length === 0) return {};
  return {harm: {before: before.map(toRunHarm), after: signal => readAfter(before, ports, signal)}};
}

/** Reads three times, and on until each harm is known to be gone or not, for five seconds at most. */
async function readAfter(
  before: readonly Finding[],
  {recipes, read, load, clock}: ReadingPorts,
  signal: AbortSignal,
): Promise<HarmAfter[]> {
  const isOfCatalog = before.some(({cause}) => cause === 'foreign-key');
  const catalog = isOfCatalog ? await load({catalog: true}) : {};
  let data = withFacts(withFacts(noDiagnosisData, await loadFacts(load)), {facts: catalog, unread: []});
  let samples: Sample[] = [];
  for (;;) {
    // PgBouncer's queue changes as quickly as the sessions.
    if (samples.length > 0 && data.ofAssessment.pooler !== undefined)
      data = withFacts(data, await loadFacts(load, 'pooler'));
    const snapshot = await read();
    samples = addSample(samples, snapshot);
    const after = harmSince(before, {recipes, snapshot, samples, data, areFactsNew: true});
    const over_ms = after[0]?.over_ms ?? 0;
    const isKnown = after.every(({state}) => state !== 'unknown');
    if (over_ms >= longestMs || (samples.length >= readings && isKnown)) return after;
    await clock.sleep(everyMs, signal);
  }
}

type Planned = {snapshot: Snapshot; facts: RecipeData; isAsked: boolean};

/**
 * Reads the harm that a plan answers, from its snapshot on. `harm` ends that and returns what the engine needs: nothing if
 * none was seen, or the server could not be read, which must not stop a run.
 */
export function watchHarm(
  plan: Plan,
  planned: Planned,
  ports: ReadingPorts,
): {harm(): Promise<Pick<EnginePorts, 'harm'>>} {
  const taken = new AbortController();
  const before = readBefore(plan, planned, ports, taken.signal).catch(() => []);
  return {
    async harm() {
      if (planned.isAsked) taken.abort();
      return harmPort(await before, ports);
    },
  };
}

/**
 * The findings that a plan answers. While a person reads the preview, up to three readings until `taken` aborts. Without a
 * person, one reading must do if it shows the harm, if the plan ends sessions, or if all sessions are idle; else up to three.
 */
async function readBefore(
  plan: Plan,
  {snapshot: first, facts, isAsked}: Planned,
  {recipes, read, load, clock}: ReadingPorts,
  taken: AbortSignal,
): Promise<Finding[]> {
  const data = withFacts(withFacts(noDiagnosisData, {facts, unread: []}), await loadFacts(load));
  let samples = addSample([], first);
  let answered = answeredBy(plan, assess({recipes, snapshot: first, samples, data}).findings);
  const isInOneReading = answered.length > 0 || plan.steps.every(endsSession) || !isAtWork(first);
  if (!isAsked && isInOneReading) return answered;
  while (samples.length < readings && !taken.aborted) {
    try {
      await clock.sleep(everyMs, taken);
    } catch {
      break;
    }
    const snapshot = await read();
    samples = addSample(samples, snapshot);
    answered = answeredBy(plan, assess({recipes, snapshot, samples, data}).findings);
  }
  return answered;
}

function endsSession({subject}: Plan['steps'][number]): boolean {
  return subject.startsWith('backend:');
}

function isAtWork({backends}: Snapshot): boolean {
  return backends.some(({state}) => state !== null && state !== 'idle');
}

const goneTexts: Record<HarmKind, string> = {
  writes: 'the server takes writes again',
  failing: 'these failures have stopped',
  waiting: 'no session waits any more',
  slots: 'slots are free again',
  pool: 'its pool has free connections again',
  slow: 'it is no longer slow',
  chatty: 'the repeated queries have stopped',
  vacuum: 'vacuum is no longer held back',
  disk: 'the disk no longer fills',
  soon: 'it is no longer expected',
};

/** `no session waits any more (3 snapshots over 2s)`; `remains after 2s: 4 sessions wait ...`. */
export function describeAfter({kind, after}: RunHarm): string {
  if (after === null) return 'not read';
  const over = formatSpan(after.over_ms);
  const how = `${counted(after.readings, 'snapshot')} over ${over}`;
  switch (after.state) {
    case 'gone':
      return `${goneTexts[kind]} (${how})`;
    case 'remains':
      return `remains after ${over}: ${after.summary}`;
    case 'unknown':
      return `not known yet (${how})`;
  }
}

/** The harm that a run answered, before and after it. */
export function harmLines(harms: readonly RunHarm[]): string[] {
  return harms.flatMap(harm => [
    `impact before: ${harm.before.summary}`,
    `impact after: ${describeAfter(harm)}`,
  ]);
}
