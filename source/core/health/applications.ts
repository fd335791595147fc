import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {isUnseen} from '../sessions/session.ts';
import {type GivenLimits, isBeyond, type Level, type Limit, worst} from './health.ts';
import type {MetricName} from './metrics.ts';
import {summarise} from './watching.ts';

/** An application (or `role:NAME`) with limits of its own, and one to compare it with, such as the stable version beside a canary. */
export type ApplicationCheck = {name: string; against: string | null; limits: GivenLimits};

/** The limits that a single application can have: PostgreSQL does not count the rest by application. */
export const applicationLimits = [
  'used_ratio',
  'average_used_ratio',
  'longest_idle_in_transaction_ms',
  'longest_transaction_ms',
  'blocked_sessions',
] as const satisfies MetricName[];

/**
 * What the readings show of an application; shares are of its busy sessions (active or in transaction) over all readings. null: hidden
 * from this role, or no such session was seen. Of values in each reading, 95th percentiles.
 */
export type ApplicationFigures = Record<(typeof applicationLimits)[number], number | null> & {
  name: string;
  readings: number;
  average_sessions: number;
  peak_sessions: number;
  /** null: watched for less than 10 s. */
  connects_per_minute: number | null;
  average_busy_sessions: number | null;
  waiting_ratio: number | null;
  idle_in_transaction_ratio: number | null;
  aborted_ratio: number | null;
};

/** A figure that is worse than that of the application compared with. */
type Worse = {figure: ComparedFigure; value: number; against: number};

/** An application in `check --json`. */
export type ApplicationHealth = {
  /** `unknown`: no session of it was seen, or what they do is hidden. */
  level: Level | 'unknown';
  figures: ApplicationFigures;
  against: ApplicationFigures | null;
  limits: {name: MetricName; limit: Limit; value: number | null; level: Level | 'unknown'}[];
  worse: Worse[];
  /** What could not be compared, and why. */
  left_out: string[];
};

/** Figures of an application that are compared, and how much more is worse. */
export const compared = {
  waiting_ratio: {kind: 'ratio', least: 0.1, title: 'busy sessions that wait for a lock'},
  idle_in_transaction_ratio: {kind: 'ratio', least: 0.1, title: 'busy sessions idle in transaction'},
  aborted_ratio: {kind: 'ratio', least: 0.1, title: 'busy sessions in an aborted transaction'},
  longest_transaction_ms: {kind: 'duration', least: 1000, title: 'longest transaction'},
  longest_idle_in_transaction_ms: {kind: 'duration', least: 1000, title: 'longest idle in transaction'},
} as const satisfies Partial<Record<keyof ApplicationFigures, object>>;

type ComparedFigure = keyof typeof compared;

export const comparedFigures = Object.keys(compared) as ComparedFigure[];

const significance = {times: 2, readings: 5, busy_sessions: 10} as const;

/** The rule, for reports. */
export const worseMeans = `at least ${significance.times} times as much, and 10 % of the sessions or 1 s more, over ${significance.readings} snapshots with ${significance.busy_sessions} busy sessions of each in all`;

/** What of a snapshot says how applications are. */
type Reading = Pick<Snapshot, 'at' | 'backends' | 'budget'>;

export type ApplicationWatch = {add(snapshot: Reading): void; result(): ApplicationHealth[]};

/** Collects what readings show of applications. */
export function watchApplications(checks: readonly ApplicationCheck[]): ApplicationWatch {
  const names = new Set(checks.flatMap(({name, against}) => (against === null ? [name] : [name, against])));
  const series = new Map([...names].map(name => [name, createSeries(name)]));
  return {
    add(snapshot) {
      for (const each of series.values()) each.add(snapshot);
    },
    result: () =>
      checks.flatMap(check => {
        const own = series.get(check.name);
        const other = check.against === null ? null : series.get(check.against);
        return own === undefined ? [] : [healthOf(check, own.figures(), other?.figures() ?? null)];
      }),
  };
}

/** The same over the last `window_ms`, for a watch that does not end. */
export function watchApplicationsLately(
  checks: readonly ApplicationCheck[],
  window_ms: number,
): ApplicationWatch {
  const isOwn = checks
    .flatMap(({name, against}) => [name, ...(against === null ? [] : [against])])
    .map(matcherOf);
  let kept: Reading[] = [];
  return {
    add({at, backends, budget}) {
      // A reading from the future was taken before the server's clock was set back.
      const isRecent = (each: Reading) => Math.abs(Date.parse(at) - Date.parse(each.at)) <= window_ms;
      const own = backends.filter(backend => isOwn.some(is => is(backend)));
      kept = [...kept.filter(isRecent), {at, backends: own, budget}];
    },
    result() {
      const watched = watchApplications(checks);
      for (const each of kept) watched.add(each);
      return watched.result();
    },
  };
}

function healthOf(
  {limits}: ApplicationCheck,
  figures: ApplicationFigures,
  against: ApplicationFigures | null,
): ApplicationHealth {
  const checked = applicationLimits.flatMap(name => {
    const limit = limits[name];
    return limit === undefined
      ? []
      : [{name, limit, value: figures[name], level: levelOf(name, figures, limit)}];
  });
  const {worse, left_out} = against === null ? {worse: [], left_out: []} : compareFigures(figures, against);
  const isNotCompared = left_out.length > 0;
  const level = worst([...checked.map(each => each.level), worse.length > 0 ? 'warning' : 'ok']);
  const isUnknown =
    figures.peak_sessions === 0 || isNotCompared || checked.some(each => each.level === 'unknown');
  return {
    level: level === 'ok' && isUnknown ? 'unknown' : level,
    figures,
    against,
    limits: checked,
    worse,
    left_out: [
      ...[figures, against].flatMap(each =>
        each?.peak_sessions === 0 ? [`no session of ${each.name} was seen`] : [],
      ),
      ...left_out,
      'statements, errors and rollbacks: PostgreSQL does not count them by application',
    ],
  };
}

function levelOf(
  name: (typeof applicationLimits)[number],
  figures: ApplicationFigures,
  limit: Limit,
): ApplicationHealth['level'] {
  const value = figures[name];
  if (value === null || figures.peak_sessions === 0) return 'unknown';
  if (isBeyond(name, value, limit.critical)) return 'critical';
  return isBeyond(name, value, limit.warning) ? 'warning' : 'ok';
}

/** Whether enough busy sessions of both were seen for a comparison. */
export function canCompare(own: ApplicationFigures, other: ApplicationFigures): boolean {
  return ![own, other].some(hasTooFew);
}

function hasTooFew({readings, average_busy_sessions}: ApplicationFigures): boolean {
  return (
    readings < significance.readings || (average_busy_sessions ?? 0) * readings < significance.busy_sessions
  );
}

function compareFigures(own: ApplicationFigures, other: ApplicationFigures) {
  const few = [own, other].filter(hasTooFew);
  const left_out = few.map(each =>
    each.average_busy_sessions === null
      ? `what sessions of ${each.name} do is hidden`
      : `${each.name} had too few busy sessions in the snapshots to be compared`,
  );
  if (few.length > 0) return {worse: [], left_out};
  const worse = comparedFigures.flatMap((figure): Worse[] => {
    const [value, against] = [own[figure], other[figure]];
    if (value === null || against === null) return [];
    const isWorse = value >= against * significance.times && value - against >= compared[figure].least;
    return isWorse ? [{figure, value, against}] : [];
  });
  return {worse, left_out};
}

type Sums = {busy: number; waiting: number; idle: number; aborted: number};

function createSeries(name: string) {
  const isOwn = matcherOf(name);
  const values: Record<'sessions' | 'used' | 'blocked' | 'idle_ms' | 'xact_ms', number[]> = {
    ...{sessions: [], used: [], blocked: []},
    ...{idle_ms: [], xact_ms: []},
  };
  const sums: Sums = {busy: 0, waiting: 0, idle: 0, aborted: 0};
  let known: ReadonlySet<string> | null = null;
  let connects = 0;
  let isHidden = false;
  const times: number[] = [];
  return {
    add({at, backends, budget}: Reading): void {
      const own = backends.filter(isOwn);
      isHidden ||= own.some(isUnseen);
      const ids = new Set(own.map(({pid, backend_start}) => `${pid} ${backend_start}`));
      if (known !== null) for (const id of ids) if (!known.has(id)) connects++;
      known = ids;
      times.push(Date.parse(at));
      const waiting = own.filter(({blocked_by}) => blocked_by.length > 0).length;
      const idle = own.filter(({state}) => state?.startsWith('idle in transaction'));
      values.sessions.push(own.length);
      values.used.push(own.length / Math.max(1, budget.usable));
      values.blocked.push(waiting);
      values.idle_ms.push(Math.max(0, ...idle.map(({state_age_ms}) => state_age_ms ?? 0)));
      values.xact_ms.push(Math.max(0, ...own.map(({xact_age_ms}) => xact_age_ms ?? 0)));
      sums.busy += own.filter(({state}) => state !== 'idle' && state !== 'starting').length;
      sums.waiting += waiting;
      sums.idle += idle.length;
      sums.aborted += idle.filter(({state}) => state === 'idle in transaction (aborted)').length;
    },
    figures(): ApplicationFigures {
      const of = (series: readonly number[]) =>
        series.length === 0 ? {average: 0, p95: 0, peak: 0} : summarise(series, 'max');
      const shown = (value: number) => (isHidden ? null : value);
      const share = (count: number) => (isHidden || sums.busy === 0 ? null : count / sums.busy);
      const elapsed_ms = (times.at(-1) ?? 0) - (times[0] ?? 0);
      return {
        name,
        readings: times.length,
        average_sessions: of(values.sessions).average,
        peak_sessions: of(values.sessions).peak,
        used_ratio: of(values.used).p95,
        average_used_ratio: of(values.used).average,
        connects_per_minute: elapsed_ms < 10_000 ? null : (connects * 60_000) / elapsed_ms,
        average_busy_sessions: shown(sums.busy / Math.max(1, times.length)),
        waiting_ratio: share(sums.waiting),
        idle_in_transaction_ratio: share(sums.idle),
        aborted_ratio: share(sums.aborted),
        longest_transaction_ms: shown(of(values.xact_ms).p95),
        longest_idle_in_transaction_ms: shown(of(values.idle_ms).p95),
        blocked_sessions: of(values.blocked).p95,
      };
    },
  };
}

/** Sessions of an application by its application_name, or of a role by `role:NAME`. */
function matcherOf(name: string): (backend: Backend) => boolean {
  const role = name.startsWith('role:') ? name.slice('role:'.length) : null;
  return role === null ? each => each.application_name === name : each => each.usename === role;
}
