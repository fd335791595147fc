import type {PoolSample, Sample} from '../../model/assessment.ts';
import type {AssessmentFacts} from '../../model/assessment-facts.ts';
import type {ChangeLog, LoggedChange, Wave} from '../../model/change-log.ts';
import type {SettingOverride} from '../../model/recipe-data.ts';
import {counted} from '../text/format.ts';
import {poolName, poolSubject} from './context.ts';
import {mostFacts} from './facts.ts';
import {poolIn, poolKey} from './sample.ts';

/** A change as it is noticed; the log numbers it. */
export type Draft = Omit<LoggedChange, 'id' | 'at' | 'what'> & {at_ms: number};

type After = Omit<Sample, 'log' | 'pool_counts'>;

export const restarted = 'was started again';

export function serverChanges(before: Sample, after: After): Draft[] {
  const {server: was} = before;
  const {server: is} = after;
  const whole = (object: string, event: string, at: string | null = null): Draft => ({
    at_ms: at === null ? after.at_ms : Math.min(after.at_ms, Date.parse(at)),
    kind: 'server',
    object,
    event,
    before: null,
    after: null,
    by: null,
    subject: null,
  });
  return [
    ...(differ(was.started_at, is.started_at) ? [whole('the server', restarted, is.started_at)] : []),
    ...(was.is_in_recovery && !is.is_in_recovery ? [whole('the standby', 'became the primary')] : []),
    ...(!was.is_in_recovery && is.is_in_recovery ? [whole('the server', 'is in recovery now')] : []),
    ...(differ(was.stats_reset, is.stats_reset)
      ? [whole('the statistics of statements', 'were reset', is.stats_reset)]
      : []),
  ];
}

/** null is not read yet. */
function differ(before: string | null, after: string | null): boolean {
  return before !== null && after !== null && before !== after;
}

/** Fewer sessions come and go all the time. */
const leastSessions = 3;

/** Applications that connected or disconnected, and pools that grew or shrank by half or more in one step, or by a client. */
export function poolChanges(before: Sample, after: After): Draft[] {
  const keys = new Set(after.pools.map(poolKey));
  return [
    ...after.pools.filter(isKnown).flatMap(pool => changeOfPool(poolIn(before, poolKey(pool)), pool, after)),
    ...before.pools
      .filter(pool => isKnown(pool) && pool.sessions >= leastSessions && !keys.has(poolKey(pool)))
      .map(pool => wave({...pool, sessions: 0, begun: 0}, pool, after, 'disconnected', pool.addresses)),
  ];
}

/** A session has no role before it is authenticated. */
function isKnown({usename}: PoolSample): boolean {
  return usename !== '';
}

const nothing = {sessions: 0, addresses: {}};

function changeOfPool(earlier: PoolSample | undefined, pool: PoolSample, after: After): Draft[] {
  if (earlier === undefined)
    return pool.sessions < leastSessions ? [] : [wave(pool, nothing, after, 'connected', pool.addresses)];
  const came = differenceOf(pool.addresses, earlier.addresses);
  const went = differenceOf(earlier.addresses, pool.addresses);
  const isMany = (count: number, isClient: boolean) =>
    count >= leastSessions && (isClient || count * 2 >= earlier.sessions);
  const lost = earlier.sessions - pool.sessions;
  if (pool.begun > 0)
    return [wave(pool, earlier, after, 'opened', came, !isMany(pool.begun, hasWhole(came, pool.addresses)))];
  return lost > 0
    ? [wave(pool, earlier, after, 'closed', went, !isMany(lost, hasWhole(went, earlier.addresses)))]
    : [];
}

type Addresses = PoolSample['addresses'];

/** Sessions by address that `some` has more of than `others`. */
function differenceOf(some: Addresses, others: Addresses): Addresses {
  const more: Record<string, number> = {};
  for (const address in some) {
    const count = (some[address] ?? 0) - (others[address] ?? 0);
    if (count > 0) more[address] = count;
  }
  return more;
}

/** Whether it has every session of an address that has several. */
function hasWhole(some: Addresses, all: Addresses): boolean {
  return Object.entries(some).some(([address, count]) => count >= leastSessions && count === all[address]);
}

function wave(
  pool: PoolSample,
  earlier: Pick<PoolSample, 'sessions'>,
  {at_ms}: After,
  verb: Wave['verb'],
  addresses: Addresses,
  isFew = false,
): Draft {
  const moved = verb === 'opened' ? pool.begun : Math.abs(pool.sessions - earlier.sessions);
  return {
    // An application may have been open for long under another name.
    at_ms: Math.floor((verb === 'opened' || verb === 'connected' ? pool.begun_ms : undefined) ?? at_ms),
    kind: 'sessions',
    object: '',
    event: '',
    before: String(earlier.sessions),
    after: counted(pool.sessions, 'session'),
    by: poolName(pool),
    subject: poolSubject(pool),
    wave: {
      verb,
      sessions: moved,
      clients: Object.keys(addresses),
      from_ms: at_ms,
      until_ms: at_ms,
      ...(isFew && {is_few: true}),
    },
  };
}

/** With its event where that is of a wave, and its sentence. */
export function completed(change: Omit<LoggedChange, 'what'>): LoggedChange {
  const event = change.wave ? eventOf(change.wave) : change.event;
  const {object, by, before, after} = change;
  const who = by === null ? object : object === '' ? by : `${object} by ${by}`;
  const figures =
    before !== null && after !== null
      ? `: ${before} -> ${after}`
      : (after ?? before) === null
        ? ''
        : `: ${after ?? before}`;
  return {...change, event, what: `${who} ${event}${figures}`};
}

const namedClients = 2;

function eventOf({verb, sessions, clients}: Wave): string {
  const from =
    clients.length > namedClients
      ? counted(clients.length, 'client')
      : clients.map(address => address || 'a local socket').join(' and ');
  const moved = verb === 'opened' || verb === 'closed' ? ` ${counted(sessions, 'session')}` : '';
  return `${verb}${moved}${from === '' ? '' : ` from ${from}`}`;
}

export function schemaChanges({schema_changes}: After): Draft[] {
  return schema_changes.map(({pid, at_ms, statement, ...by}) => ({
    at_ms: Math.floor(at_ms),
    kind: 'schema',
    object: statement,
    event: 'began',
    before: null,
    after: null,
    by: poolName(by),
    subject: `backend:${pid}`,
  }));
}

type Settings = Pick<ChangeLog, 'facts' | 'facts_ms'> & {drafts: Draft[]};

/** Settings of the server, of roles and of databases, which are read once a minute. */
export function settingChanges(
  log: Pick<ChangeLog, 'facts' | 'facts_ms'>,
  facts: AssessmentFacts,
  {at_ms}: After,
): Settings {
  const {setting_overrides: wereSet, server_settings: were} = log.facts;
  const {setting_overrides: areSet = wereSet, server_settings: are = were} = facts;
  if (areSet === wereSet && are === were) return {facts: log.facts, facts_ms: log.facts_ms, drafts: []};
  const when = (at: string | undefined) => {
    const time_ms = at === undefined ? at_ms : Date.parse(at);
    return time_ms > (log.facts_ms ?? at_ms) && time_ms <= at_ms ? time_ms : at_ms;
  };
  const drafts: Draft[] = [];
  const setting = ({name, before, after}: Difference, unset: string, at_ms: number) =>
    drafts.push({
      at_ms,
      kind: 'setting',
      object: name,
      event: after === null ? 'was reset' : 'was set',
      before: before === null ? unset : shownValue(name, before),
      after: after === null ? unset : shownValue(name, after),
      by: null,
      subject: null,
    });
  if (were && are && were !== are) {
    for (const each of differences(were.values, are.values)) setting(each, 'default', when(are.loaded_at));
  }
  // A list that is full leaves out what it had no room for.
  const isWhole = [wereSet, areSet].every(each => each !== undefined && each.length < mostFacts);
  if (isWhole && wereSet && areSet && wereSet !== areSet) {
    const at = new Map(areSet.map(each => [overrideName(each), each.set_at]));
    for (const each of differences(valuesOf(wereSet), valuesOf(areSet)))
      setting(each, 'not set', when(at.get(each.name)));
  }
  return {facts: {...log.facts, ...facts}, facts_ms: at_ms, drafts};
}

type Values = Record<string, string | null>;

function valuesOf(overrides: readonly SettingOverride[]): Values {
  return Object.fromEntries(overrides.map(each => [overrideName(each), each.value]));
}

/** `work_mem for role app in shop`. */
function overrideName({name, role, database}: SettingOverride): string {
  const who = role === null ? '' : ` for role ${role}`;
  return `${name}${who}${database === null ? '' : ` in ${database}`}${role === null && database === null ? ' for all roles' : ''}`;
}

/** An application may keep its own: `app.jwt_secret`. */
function shownValue(name: string, value: string): string {
  return /command|conninfo|password|secret|token|key/i.test(name) ? '***' : value;
}

type Difference = {name: string; before: string | null; after: string | null};

/** Names with another value; null is not set. Those that are hidden are left out. */
function differences(before: Values, after: Values): Difference[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap(name => {
    const [was, is] = [before[name], after[name]];
    return was === is || was === null || is === null ? [] : [{name, before: was ?? null, after: is ?? null}];
  });
}
