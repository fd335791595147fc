import {type HistorySample, pushSample} from '../../core/activity/budget.ts';
import {statementKey} from '../../core/activity/rates.ts';
import {addLoad, type LoadHistory, noLoad} from '../../core/activity/session-load.ts';
import {isOtherServer} from '../../core/assessment/sample.ts';
import {addSample} from '../../core/assessment/samples.ts';
import {whyReadOnly} from '../../core/engine/run-state.ts';
import {
  type DiagnosisData,
  type DueData,
  dueData,
  type LoadedFacts,
  noDiagnosisData,
  timesAfter,
} from '../../core/recipe/diagnose.ts';
import {compareServers, serverDifference} from '../../core/server/server-identity.ts';
import type {ServerRow} from '../../core/server/topics/index.ts';
import type {Seen} from '../../core/server/topics/topic.ts';
import type {AssessmentFacts} from '../../model/assessment-facts.ts';
import type {RecordedSnapshot} from '../../model/ports.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {ServerIdentity} from '../../model/target.ts';
import type {Findings} from './findings.ts';

/** What is read of the server, and how often. */
export type ReadingSlice = Findings & {
  link: Link;
  /** The server's address, shown before the first snapshot. */
  address: string;
  /** Where the address is from: `.env`, `DATABASE_URL`; null where it was an argument. */
  source: string | null;
  isProduction: boolean;
  /** The environment's name where it is not production. */
  environment: string | null;
  /** The confirmation to type before a change on a production target. */
  targetName: string;
  /** The server of the first snapshot: nothing is changed on any other. */
  server: ServerIdentity | null;
  history: HistorySample[];
  /** What busy sessions did in the last hour. */
  load: LoadHistory;
  /** Statement execution time per second by statement, for the trend in the detail. */
  trends: Trends;
  /** When `diagnosisData` was last requested, by the server's clock; null requests it with the next snapshot. */
  diagnosis_data_at_ms: number | null;
  /** The same of the facts that are cheap to read. */
  facts_at_ms: number | null;
  /** The same of the pooler. */
  pooler_at_ms: number | null;
  /** When the reading of the pooler that is known now was requested. */
  pooler_of_ms: number | null;
  /** When the facts known now were requested. */
  facts_of_ms: number | null;
  /** Makes the lines of the Server view; null until it was opened. */
  serverRows: ServerRowsOf | null;
  interval_ms: number;
  effective_interval_ms: number;
  isPaused: boolean;
};

type ServerRowsOf = (seen: Seen, absent: string) => ServerRow[];

/** The state of the connection. */
type Link =
  | LiveLink
  | {kind: 'connecting'; message: string}
  /** `retry_in_ms`: null where it connects again only on a key. */
  | {kind: 'lost'; message: string; hint: string | null; retry_in_ms: number | null};

/**
 * `viaRescueUrl`: connected by the rescue URL. `another_server`: how this server differs from the one that the
 * console started on; null where it is the same.
 */
type LiveLink = {kind: 'live'; viaRescueUrl: boolean; another_server: string | null};

type Trends = Record<string, number[]>;

type ReadEvent = {kind: 'read'; snapshot: Snapshot; effective_interval_ms: number; viaRescueUrl?: boolean};

export type ReadingEvent =
  | ReadEvent
  | {kind: 'lost'; message: string; hint: string | null; retry_in_ms: number | null}
  | {kind: 'connecting'; message: string}
  | {kind: 'diagnosis-data'; at_ms: number; diagnosisData: DiagnosisData}
  | ({kind: 'facts'; at_ms: number} & LoadedFacts)
  | ({kind: 'pooler'; at_ms: number} & LoadedFacts)
  | {kind: 'server-rows'; serverRows: ServerRowsOf};

export type ReadingEffect =
  | {kind: 'set-interval'; interval_ms: number}
  | {kind: 'refresh'}
  /** The sampler reads statements at every tick only while they are shown, and these texts; the server's state only for its view. */
  | {kind: 'show'; statements: boolean; texts: string[]; server: 'shown' | 'host' | null}
  | {kind: 'load-server-rows'}
  /** `at_ms` comes back with it. */
  | {kind: 'load-diagnosis-data'; due: DueData; at_ms: number};

export type ReadingOptions = {
  address: string;
  source?: string | null;
  isProduction: boolean;
  environment?: string | null;
  interval_ms: number;
  recipes: Recipe[];
  isRecording?: boolean;
};

export function createReading(options: ReadingOptions): ReadingSlice {
  const {address, isProduction, interval_ms, recipes, isRecording} = options;
  return {
    link: {kind: 'connecting', message: isRecording ? 'reading the recording' : `connecting to ${address}`},
    address,
    source: options.source ?? null,
    isProduction,
    environment: options.environment ?? null,
    targetName: address,
    server: null,
    snapshot: null,
    recipes,
    findings: [],
    undiagnosed: [],
    assessment: null,
    diagnosisData: noDiagnosisData,
    diagnosis_data_at_ms: null,
    facts_at_ms: null,
    pooler_at_ms: null,
    pooler_of_ms: null,
    facts_of_ms: null,
    letters: {},
    history: [],
    load: noLoad,
    trends: {},
    samples: [],
    serverRows: null,
    interval_ms,
    effective_interval_ms: interval_ms,
    isPaused: false,
  };
}

/** The state with a live connection, to the server of a snapshot. */
export function withLink<State extends ReadingSlice>(
  state: State,
  {snapshot, effective_interval_ms, viaRescueUrl = false}: ReadEvent,
): State {
  const {target} = snapshot;
  const link = liveLink(state.server, target.server, viaRescueUrl);
  // What findings said of a session, slot or standby may be gone with the server's restart.
  const facts_at_ms = state.link.kind === 'live' ? state.facts_at_ms : null;
  return {...state, effective_interval_ms, link, facts_at_ms, server: state.server ?? target.server ?? null};
}

/** Shows a snapshot with its charts; while paused only the charts go on. */
export function readSnapshot<State extends ReadingSlice>(state: State, snapshot: Snapshot): State {
  const {trends, ...charts} = pushCharts(state, snapshot, state.diagnosisData.ofAssessment);
  const live = {...state, ...charts, targetName: snapshot.target.id};
  return state.isPaused ? live : {...live, snapshot, trends};
}

/** What is kept of earlier snapshots. */
type Charts = Pick<ReadingSlice, 'history' | 'trends' | 'samples' | 'load'>;

/** `facts`: those that were known with it. */
export function pushCharts(
  {history, trends, samples, load}: Charts,
  snapshot: Snapshot,
  facts: AssessmentFacts,
): Charts {
  const last = samples.at(-1);
  return {
    history: pushSample(history, snapshot),
    trends: pushTrends(trends, snapshot),
    samples: addSample(samples, snapshot, facts),
    load: addLoad(last !== undefined && isOtherServer(last, snapshot) ? noLoad : load, snapshot),
  };
}

/** The charts of recorded snapshots, the oldest first. */
export function chartsOf(snapshots: readonly RecordedSnapshot[]): Charts {
  const none: Charts = {history: [], trends: {}, samples: [], load: noLoad};
  return snapshots.reduce((charts, snapshot) => pushCharts(charts, snapshot, snapshot.facts ?? {}), none);
}

/** The rescue URL, or the address after a reconnect, may lead to another server than at the start. */
function liveLink(
  first: ServerIdentity | null,
  now: ServerIdentity | undefined,
  viaRescueUrl: boolean,
): LiveLink {
  const likeness = first === null || now === undefined ? 'same' : compareServers(first, now);
  const isOther = likeness === 'other' || (likeness === 'unknown' && viaRescueUrl);
  const by = viaRescueUrl ? 'the rescue URL' : 'the address';
  const another_server =
    isOther && first !== null && now !== undefined
      ? `${by} leads to another server: ${serverDifference(first, now)}`
      : null;
  return {kind: 'live', viaRescueUrl, another_server};
}

/** Says that the connection now leads to another server; null where it does not, or did before. */
export function wrongServerNotice(before: Link, now: Link): string | null {
  if (now.kind !== 'live') return null;
  const isKnown = before.kind === 'live' && before.another_server === now.another_server;
  return isKnown ? null : now.another_server;
}

/** Why nothing can be changed: poolctl is read-only here, or the connection leads to another server. null where it can. */
export function whyNoAct(state: Pick<ReadingSlice, 'link' | 'snapshot'>): string | null {
  const source = state.snapshot?.target.read_only;
  return source === undefined ? whyWrongServer(state) : whyReadOnly(source);
}

/** Says that the connection leads to another server; null where it does not. */
export function whyWrongServer({link}: Pick<ReadingSlice, 'link'>): string | null {
  if (link.kind !== 'live' || link.another_server === null) return null;
  return `${link.another_server}: poolctl changes nothing there; quit, and open poolctl on the intended server`;
}

/** Expensive data is read only after this many snapshots: the first frame and the keys come first. */
const leastReadings = 2;

/** Requests the data that diagnoses require when it is due, by the server's clock, and never while paused. */
export function requestDiagnosisData<State extends ReadingSlice>(
  state: State,
): {state: State; effects: ReadingEffect[]} {
  const {snapshot, history, isPaused} = state;
  if (snapshot === null || isPaused || history.length < leastReadings) return {state, effects: []};
  const at_ms = Date.parse(snapshot.at);
  const times = {
    all_ms: state.diagnosis_data_at_ms,
    facts_ms: state.facts_at_ms,
    pooler_ms: state.pooler_at_ms,
  };
  const due = dueData(at_ms, times, {findings: state.findings, data: state.diagnosisData});
  if (due === null) return {state, effects: []};
  const {all_ms, facts_ms, pooler_ms} = timesAfter(due, at_ms, times);
  const requested = {diagnosis_data_at_ms: all_ms, facts_at_ms: facts_ms, pooler_at_ms: pooler_ms};
  return {state: {...state, ...requested}, effects: [{kind: 'load-diagnosis-data', due, at_ms}]};
}

const intervalStepsMs = [500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

export function nextInterval({interval_ms}: Pick<ReadingSlice, 'interval_ms'>, faster: boolean): number {
  const others = intervalStepsMs.filter(ms => (faster ? ms < interval_ms : ms > interval_ms));
  return (faster ? others.at(-1) : others[0]) ?? interval_ms;
}

/** The header shows the new interval immediately; the next snapshot says whether it is slowed. */
export function setInterval<State extends ReadingSlice>(
  state: State,
  interval_ms: number,
): {state: State; effects: ReadingEffect[]} {
  return {
    state: {...state, interval_ms, effective_interval_ms: interval_ms},
    effects: [{kind: 'set-interval', interval_ms}],
  };
}

/** Values kept per statement, newest last. */
const trendLength = 120;
const trendedStatements = 200;

function pushTrends(trends: Trends, snapshot: Snapshot): Trends {
  const next: Trends = {};
  for (const statement of snapshot.statements.slice(0, trendedStatements)) {
    const {rates} = statement;
    const id = statementKey(statement);
    const values = trends[id] ?? [];
    next[id] = rates ? [...values.slice(1 - trendLength), rates.exec_ms_per_second] : values;
  }
  return next;
}
