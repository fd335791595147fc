import type {Assessment, Contention, Sample} from '../../model/assessment.ts';
import type {AssessmentFacts} from '../../model/assessment-facts.ts';
import type {RecordedSnapshot} from '../../model/ports.ts';
import type {Finding, Recipe} from '../../model/recipe.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {type Diagnosis, type DiagnosisData, diagnoseAll, keyOf} from '../recipe/diagnose.ts';
import {statementName} from '../sql/statement-name.ts';
import {applicationsOf} from './applications.ts';
import {emptyLog, recentChanges, withChanges} from './change-log.ts';
import {type Context, windowMs} from './context.ts';
import {assessmentFacts} from './facts.ts';
import {examinations} from './harms/index.ts';
import {writableOf} from './harms/writable.ts';
import {rootsOf} from './lock-graph.ts';
import {lockedObject} from './locked-object.ts';
import {compareFindings} from './rank.ts';
import {addSample} from './samples.ts';

export type AssessmentInput = {
  recipes: readonly Recipe[];
  snapshot: Snapshot;
  /** Of the last minute; the last one is of `snapshot`. */
  samples: readonly Sample[];
  data: DiagnosisData;
};

/** What the last minute of readings means: harm, what explains it, and what was seen besides. */
export function assess({recipes, snapshot, samples, data}: AssessmentInput): Assessment {
  return combine({snapshot, samples, facts: data.ofAssessment}, diagnoseAll(recipes, snapshot, data.facts));
}

/** The same of a recorded snapshot, with the facts and the recipes' findings that were recorded with it. */
export function assessRecorded({
  recipes,
  snapshot,
  samples,
}: Omit<AssessmentInput, 'data' | 'snapshot'> & {snapshot: RecordedSnapshot}): Assessment {
  const {findings, failed} = diagnoseAll(recipes, snapshot, {});
  const known = new Set(findings.map(keyOf));
  const fromData = (snapshot.fact_findings ?? []).filter(each => !known.has(keyOf(each)));
  return combine(
    {snapshot, samples, facts: snapshot.facts ?? {}},
    {findings: [...findings, ...fromData], failed},
  );
}

function combine(read: Context, {findings: diagnosed, failed}: Diagnosis): Assessment {
  const context = {...read, facts: newest(read)};
  const examined = examinations.flatMap(examine => examine(context));
  const {findings, also} = join([...examined, ...diagnosed].sort(compareFindings));
  const last = context.samples.at(-1);
  let applications: Assessment['applications'] | null = null;
  const [log, now_ms] = [last?.log ?? emptyLog, last?.at_ms ?? 0];
  return {
    findings: findings.map(finding => withChanges(finding, log, now_ms)),
    also,
    changes: recentChanges(log, now_ms),
    writable: writableOf(context),
    contention: contentionOf(context.snapshot),
    pooler: context.facts.pooler ?? null,
    // When asked for: few readers need it, and not in every reading.
    get applications() {
      applications ??= applicationsOf(context);
      return applications;
    },
    assessed: {
      window_ms: windowMs(context),
      readings: context.samples.length,
      looked_at: lookedAt(context.snapshot, context.facts),
      cannot_see: cannotSee(context.snapshot),
    },
    diagnosed,
    failed,
  };
}

/** While the Server view is open, some facts come with each snapshot. */
function newest({facts, snapshot: {server}}: Context): AssessmentFacts {
  return server === undefined ? facts : {...facts, ...assessmentFacts(server)};
}

/**
 * Leaves out what a finding before it explains: the same session is never two findings. Of examinations, what explains no
 * harm goes below.
 */
function join(ranked: readonly Finding[]): Pick<Assessment, 'findings' | 'also'> {
  const explained = new Set<string>();
  const findings: Finding[] = [];
  const also: Finding[] = [];
  for (const finding of ranked) {
    if (isAmong(explained, finding.subject) || isExplained(finding, explained)) continue;
    const isHarmless = finding.cause !== undefined && finding.harm === undefined;
    if (isHarmless) also.push(withoutActs(finding));
    else findings.push(finding);
    for (const subject of finding.explains ?? []) explained.add(subject);
  }
  return {findings, also};
}

function isExplained({explains = []}: Finding, explained: ReadonlySet<string>): boolean {
  return explains.length > 0 && explains.every(subject => isAmong(explained, subject));
}

/** What explains an application explains it in each of its databases. */
function isAmong(explained: ReadonlySet<string>, subject: string): boolean {
  return explained.has(subject) || explained.has(subject.replace(/\/database:.*$/, ''));
}

function withoutActs({acts: _, ...finding}: Finding): Finding {
  return finding;
}

export type Assessor = {
  /** Takes the next snapshot and says what it means with those of the last minute. */
  assess(snapshot: Snapshot, data: DiagnosisData): Assessment;
};

/** Keeps the last minute of a server's readings. */
export function createAssessor(recipes: readonly Recipe[]): Assessor {
  let samples: Sample[] = [];
  return {
    assess(snapshot, data) {
      samples = addSample(samples, snapshot, data.ofAssessment);
      return assess({recipes, snapshot, samples, data});
    },
  };
}

/** What the assessment looked at, by what could be read. */
function lookedAt({unavailable}: Snapshot, facts: AssessmentFacts): string[] {
  const isRead = (section: string) => !unavailable.some(each => each.section === section);
  return [
    ...(isRead('activity') ? ['lock waits', 'pools', 'open transactions'] : []),
    'connection slots',
    ...(isRead('databases') ? ['rollbacks'] : []),
    ...(isRead('statements') ? ['statements'] : []),
    ...(facts.maintenance ? ['table statistics', 'what holds back vacuum'] : []),
    ...(facts.foreign_keys ? ['indexes of foreign keys'] : []),
    ...(facts.server_settings ? ['settings of the server'] : []),
    ...(facts.setting_overrides ? ['settings of roles and databases'] : []),
    ...(facts.write_state ? ['whether the server takes writes'] : []),
    ...(facts.sequences ? ['sequences'] : []),
    ...(facts.replication ? ['replication'] : []),
    ...(facts.pooler ? ["PgBouncer's pools"] : []),
  ];
}

/** What no server shows, and what this role may not see. */
function cannotSee({unavailable, backends}: Snapshot): string[] {
  const isReported = backends.some(({pool_report}) => pool_report !== undefined);
  return [
    // The queue is in the application; a failed statement is not counted (pg_stat_statements counts at its end).
    isReported ? 'the queues of applications that do not report them' : "an application's queue for its pool",
    'errors of statements',
    ...unavailable.map(({section}) => section),
  ];
}

/** The sessions that wait for locks now, by object; the object that most sessions wait for first. */
export function contentionOf(snapshot: Snapshot): Contention[] {
  if (snapshot.lock_waits.length === 0) return [];
  const roots = rootsOf(snapshot);
  const sessions = new Map(snapshot.backends.map(backend => [backend.pid, backend]));
  const objects = new Map<string, {pids: number[]; statements: Map<string, number>}>();
  for (const wait of snapshot.lock_waits) {
    const backend = sessions.get(wait.pid);
    const object = lockedObject(wait, backend);
    const own = objects.get(object) ?? {pids: [], statements: new Map<string, number>()};
    const statement = statementName(backend?.query ?? null);
    own.pids.push(wait.pid);
    own.statements.set(statement, (own.statements.get(statement) ?? 0) + 1);
    objects.set(object, own);
  }
  return [...objects]
    .map(([object, {pids, statements}]) => ({
      object,
      waiting: pids.length,
      holders: [...new Set(pids.flatMap(pid => roots.get(pid) ?? []))].sort((a, b) => a - b),
      statement: [...statements].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '',
    }))
    .sort((a, b) => b.waiting - a.waiting);
}
