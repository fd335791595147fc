import type {Sample} from '../../model/assessment.ts';
import type {AssessmentFacts} from '../../model/assessment-facts.ts';
import type {ChangeLog, LoggedChange, Wave} from '../../model/change-log.ts';
import type {Finding} from '../../model/recipe.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {utcClock} from '../text/clock.ts';
import {
  completed,
  type Draft,
  poolChanges,
  restarted,
  schemaChanges,
  serverChanges,
  settingChanges,
} from './changes.ts';
import {isOtherServer, windowMs} from './sample.ts';
import {isSameSchemaChange, readStatements, withNames} from './statement-changes.ts';

/** How far the log goes back, and how much of it is kept. */
export const loggedMs = 3_600_000;
const mostEntries = 500;

export const emptyLog: ChangeLog = {
  entries: [],
  began_ms: null,
  next_id: 0,
  known: null,
  dealloc: null,
  evicted_ms: null,
  window: null,
  usual: new Map(),
  facts: {},
  facts_ms: null,
};

type Reading = {
  /** null with the first one. */
  before: Sample | null;
  after: Omit<Sample, 'log' | 'pool_counts'>;
  snapshot: Snapshot;
  facts: AssessmentFacts;
};

/** The log with what changed between two samples. */
export function nextLog(log: ChangeLog, {before, after, snapshot, facts}: Reading): ChangeLog {
  const isOther = before !== null && isOtherServer(before, snapshot);
  if (before === null || isOther || after.at_ms < before.at_ms) {
    const {entries, next_id, began_ms} = log;
    const began = {began_ms: began_ms ?? after.at_ms, facts, facts_ms: after.at_ms};
    const fresh = {...emptyLog, entries, next_id, ...began};
    const {drafts: _, ...statements} = readStatements(fresh, null, after, snapshot);
    return append(
      {...fresh, ...statements},
      isOther ? [otherServer(before, after, snapshot)] : [],
      after.at_ms,
    );
  }
  const server = serverChanges(before, after);
  const isRestarted = server.some(({event}) => event === restarted);
  const {drafts: ofStatements, ...statements} = readStatements(log, before, after, snapshot);
  const {drafts: ofSettings, ...settings} = settingChanges(log, facts, after);
  const drafts = [
    ...server,
    // After a restart every application reconnects: that is the restart.
    ...(isRestarted ? [] : poolChanges(before, after)),
    ...schemaChanges(after),
    ...ofSettings,
    ...ofStatements,
  ];
  return append(withNames({...log, ...statements, ...settings}, snapshot), drafts, after.at_ms);
}

function otherServer(before: Sample, {server, at_ms}: Reading['after'], {target}: Snapshot): Draft {
  const {system_identifier: was} = before.server;
  const {system_identifier: is, started_at} = server;
  const isUnrelated = was !== null && is !== null && was !== is;
  const isCopy = was !== null && was === is;
  return {
    at_ms,
    kind: 'server',
    object: 'the address',
    event: `leads to another server${isCopy ? ', a standby or a copy of the one before' : ''}`,
    before: null,
    after: isUnrelated ? target.id : `started ${utcClock(started_at ?? at_ms)}`,
    by: null,
    subject: null,
  };
}

/** After a pause longer than this, what connects or disconnects is a new wave. */
const waveGapMs = 15_000;
/** A change that was logged this often within this time comes and goes: it is not logged again. */
const repeatedMs = 600_000;
const mostRepeated = 3;

function append(log: ChangeLog, drafts: readonly Draft[], now_ms: number): ChangeLog {
  // In the order in which they were noticed, which is about that of their times.
  const isOld = ({at}: LoggedChange) => now_ms - Date.parse(at) > loggedMs;
  let {entries, next_id} = log;
  if (entries.length > mostEntries || (entries[0] !== undefined && isOld(entries[0])))
    entries = entries.filter(each => !isOld(each)).slice(-mostEntries);
  for (const {at_ms, ...draft} of drafts) {
    const change = {...draft, at: new Date(at_ms).toISOString()};
    const alike = entries.filter(each => isAlike(each, change));
    const last = alike.at(-1);
    const wave = last && joined(last, change);
    if (last !== undefined && wave) {
      const whole = completed({...change, id: last.id, at: last.at, before: last.before, wave});
      entries = entries.map(each => (each === last ? whole : each));
    } else if (!change.wave?.is_few && !comesAndGoes(alike, at_ms) && !isSeenBefore(entries, change)) {
      entries = [...entries, completed({...change, id: next_id})];
      next_id++;
    }
  }
  return {...log, entries, next_id};
}

function isSeenBefore(entries: readonly LoggedChange[], change: Omit<LoggedChange, 'id' | 'what'>): boolean {
  return entries.some(each => isSameSchemaChange(each, change));
}

/** The same kind of change of the same object. */
function isAlike(one: LoggedChange, other: Omit<Draft, 'at_ms'>): boolean {
  if (one.kind !== other.kind || one.object !== other.object || one.subject !== other.subject) return false;
  return one.wave && other.wave ? isGrowth(one.wave) === isGrowth(other.wave) : one.event === other.event;
}

function isGrowth({verb}: Wave): boolean {
  return verb === 'connected' || verb === 'opened';
}

/** The wave that goes on, with what came or went now. */
function joined({wave: earlier}: LoggedChange, {wave: now}: Pick<Draft, 'wave'>): Wave | null {
  if (!earlier || !now || now.until_ms - earlier.until_ms > waveGapMs) return null;
  return {
    verb: earlier.verb === 'closed' ? now.verb : earlier.verb,
    sessions: earlier.sessions + now.sessions,
    clients: [...new Set([...earlier.clients, ...now.clients])],
    from_ms: earlier.from_ms,
    until_ms: now.until_ms,
  };
}

function comesAndGoes(alike: readonly LoggedChange[], now_ms: number): boolean {
  return alike.filter(({at}) => now_ms - Date.parse(at) < repeatedMs).length >= mostRepeated;
}

/** Changes of this long before a harm may explain it. */
const beforeHarmMs = 300_000;
const mostChanges = 8;

/** Of the last minute, oldest first. */
export function recentChanges({entries}: ChangeLog, now_ms: number): LoggedChange[] {
  return since(entries, now_ms - windowMs);
}

function since(entries: readonly LoggedChange[], from_ms: number): LoggedChange[] {
  return entries.filter(({at}) => Date.parse(at) >= from_ms).sort((a, b) => (a.at < b.at ? -1 : 1));
}

/**
 * The finding with the changes near its beginning: those about what it explains, then those of the server, its settings
 * and its schema, which may concern everything. Waves and statements of other applications appear only in the Changes view.
 */
export function withChanges(finding: Finding, {entries}: ChangeLog, now_ms: number): Finding {
  if (finding.harm === undefined || entries.length === 0) return finding;
  const {since: began} = finding.harm;
  const from_ms = began === null ? now_ms - windowMs : Date.parse(began) - beforeHarmMs;
  const subjects = new Set([finding.subject, ...(finding.explains ?? [])]);
  const near = since(entries, from_ms);
  const own = near.filter(({subject}) => subject !== null && subjects.has(subject));
  const general = near.filter(each => !own.includes(each) && isGeneral(each));
  const chosen = [...(finding.changes ?? []), ...own.slice(-mostChanges), ...general.slice(-mostChanges)];
  // A finding is serialised: what the log keeps to go on with is none of its readers' business.
  const changes = chosen.slice(0, mostChanges).map(({at, what}) => ({at, what}));
  return changes.length === 0 ? finding : {...finding, changes};
}

function isGeneral({kind, subject}: LoggedChange): boolean {
  return subject === null || kind === 'schema';
}
