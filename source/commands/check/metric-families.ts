import {groupBy} from '../../core/group-by.ts';
import {
  type ApplicationFigures,
  type ApplicationHealth,
  canCompare,
  comparedFigures,
  compared as comparedKinds,
  worseMeans,
} from '../../core/health/applications.ts';
import {type Health, worst} from '../../core/health/health.ts';
import {metricNames, metricOf} from '../../core/health/metrics.ts';
import {formatSpan} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ApplicationPool} from '../../model/application-pool.ts';
import type {BudgetGroup, Snapshot} from '../../model/snapshot.ts';

/** One metric and its series, without the prefix `poolctl_`. */
export type Family = {
  name: string;
  help: string;
  samples: readonly {labels: Record<string, string>; value: number}[];
};

const levels = {ok: 0, warning: 1, critical: 2} as const;

const gauge = (name: string, help: string, value: number): Family => ({
  name,
  help,
  samples: [{labels: {}, value}],
});

const upHelp = 'Whether the last snapshot succeeded.';
export const down = gauge('up', upHelp, 0);

export function snapshotFamilies({at, budget, cost, target}: Snapshot): Family[] {
  const labels = {
    target: sanitise(target.id),
    database: sanitise(target.database),
    version: String(target.server_version_num),
  };
  const states = Object.entries(budget.by_state);
  return [
    gauge('up', upHelp, 1),
    gauge(
      'last_reading_timestamp_seconds',
      'Time of the last snapshot, by the clock of the server.',
      Date.parse(at) / 1000,
    ),
    gauge('reading_duration_seconds', 'Duration of the last snapshot.', cost.round_trip_ms / 1000),
    {name: 'target', help: 'The monitored server; always 1.', samples: [{labels, value: 1}]},
    gauge('slots_used', 'Connection slots in use.', budget.used),
    gauge('slots_usable', 'Connection slots available to ordinary roles.', budget.usable),
    {
      name: 'sessions',
      help: 'Client sessions by state; while some are hidden or disabled (track_activities), only those.',
      samples: states.flatMap(([state, value]) => (value === null ? [] : [{labels: {state}, value}])),
    },
    {
      name: 'application_sessions',
      help: `Client sessions by application and role, the ${mostApplications} largest; application "(others)" is the rest.`,
      samples: applicationSamples(budget.groups),
    },
  ];
}

/** Applications may put a host or a build into their names: the number of series is bounded. */
const mostApplications = 50;

function applicationSamples(groups: Snapshot['budget']['groups']): Family['samples'] {
  const labelsOf = ({application_name, usename}: BudgetGroup) => ({
    application: sanitise(application_name),
    role: sanitise(usename),
  });
  const all = [...groupBy(groups, group => JSON.stringify(labelsOf(group))).values()]
    .map(own => ({own, count: sessionsOf(own)}))
    .sort((a, b) => b.count - a.count);
  const rest = all.slice(mostApplications).flatMap(({own}) => own);
  return [
    ...all.slice(0, mostApplications).flatMap(({own}) => stateSamples(own, labelsOf(own[0] as BudgetGroup))),
    ...stateSamples(rest, {application: '(others)', role: ''}),
  ];
}

function sessionsOf(groups: readonly BudgetGroup[]): number {
  return groups.reduce((sum, {count}) => sum + count, 0);
}

/** The sessions of `groups` by state; all as `unknown` if that of some is. */
function stateSamples(groups: readonly BudgetGroup[], labels: Record<string, string>): Family['samples'] {
  if (groups.length === 0) return [];
  const counts = {active: 0, idle: 0, 'idle in transaction': 0};
  const count = sessionsOf(groups);
  for (const {active, idle, idle_in_transaction} of groups) {
    if (active === null || idle === null || idle_in_transaction === null)
      return [{labels: {...labels, state: 'unknown'}, value: count}];
    counts.active += active;
    counts.idle += idle;
    counts['idle in transaction'] += idle_in_transaction;
  }
  const other = count - counts.active - counts.idle - counts['idle in transaction'];
  return Object.entries({...counts, other}).map(([state, value]) => ({labels: {...labels, state}, value}));
}

/** `applications`: their limits in the last snapshot; `compared`: each with another one, over `window_ms`. */
export function healthFamilies(
  {status, findings, metrics, thresholds}: Health,
  applications: readonly ApplicationHealth[],
  {compared, window_ms}: {compared: readonly ApplicationHealth[]; window_ms: number},
): Family[] {
  const kinds = new Map<string, {labels: Record<string, string>; value: number}>();
  for (const {recipe, severity} of findings) {
    const labels = {recipe, severity};
    const value = (kinds.get(`${recipe} ${severity}`)?.value ?? 0) + 1;
    kinds.set(`${recipe} ${severity}`, {labels, value});
  }
  // An application without sessions has no level.
  const limited = applications
    .filter(({figures}) => figures.peak_sessions > 0)
    .flatMap(({figures, limits}) => limits.map(each => ({...each, application: figures.name})));
  const levelsOfAll = [status, ...limited.map(({level}) => level), ...compared.map(levelOfPair)];
  const known = worst(levelsOfAll);
  return [
    ...(known === 'ok' && levelsOfAll.includes('unknown')
      ? []
      : [gauge('status', 'Worst limit or finding: 0 ok, 1 warning, 2 critical.', levels[known])]),
    {
      name: 'limit_level',
      help: 'Level of each metric: 0 ok, 1 warning, 2 critical.',
      samples: metricNames.flatMap(name => {
        const {level} = thresholds[name];
        return level === 'unknown' ? [] : [{labels: {metric: exposedName(name)}, value: levels[level]}];
      }),
    },
    {
      name: 'application_limit_level',
      help: 'Level of each limit of an application or role:NAME in the last snapshot: 0 ok, 1 warning, 2 critical.',
      samples: limited.flatMap(({application, name, level}) =>
        level === 'unknown'
          ? []
          : [
              {
                labels: {application: sanitise(application), metric: exposedName(name)},
                value: levels[level],
              },
            ],
      ),
    },
    ...comparisonFamilies(compared, window_ms),
    {name: 'findings', help: 'Findings by recipe and severity.', samples: [...kinds.values()]},
    ...metricNames.flatMap(name => {
      const value = metrics[name];
      const {kind, title} = metricOf(name);
      if (value === null) return [];
      return [gauge(exposedName(name), `${title}.`, value / (kind === 'duration' ? 1000 : 1))];
    }),
  ];
}

function levelOfPair({figures, against, worse}: ApplicationHealth): ApplicationHealth['level'] {
  if (worse.length > 0) return 'warning';
  return against !== null && canCompare(figures, against) ? 'ok' : 'unknown';
}

/** Without series where two applications cannot be compared: too few busy sessions, or what they do is hidden. */
function comparisonFamilies(compared: readonly ApplicationHealth[], window_ms: number): Family[] {
  const pairs = compared.flatMap(({figures, against, worse}) =>
    against === null || !canCompare(figures, against) ? [] : [{figures, against, worse}],
  );
  const over = `over the last ${formatSpan(window_ms)}`;
  return [
    {
      name: 'application_figure',
      help: `Figures that --against compares, ${over}: ratios of busy sessions, seconds of the 95th percentile.`,
      samples: pairs.flatMap(pair => [pair.figures, pair.against]).flatMap(figureSamples),
    },
    {
      name: 'application_worse',
      help: `Whether a figure of an application is worse than that of the one it is compared with, ${over}: ${worseMeans}.`,
      samples: pairs.flatMap(({figures, against, worse}) =>
        comparedFigures.map(name => ({
          labels: {
            application: sanitise(figures.name),
            against: sanitise(against.name),
            figure: exposedName(name),
          },
          value: worse.some(({figure}) => figure === name) ? 1 : 0,
        })),
      ),
    },
  ];
}

function figureSamples(figures: ApplicationFigures): Family['samples'] {
  return comparedFigures.flatMap(name => {
    const value = figures[name];
    if (value === null) return [];
    const labels = {application: sanitise(figures.name), figure: exposedName(name)};
    return [{labels, value: value / (comparedKinds[name].kind === 'duration' ? 1000 : 1)}];
  });
}

/** What applications say of their pools; the label `role` distinguishes pools of one name. */
export function poolFamilies(applications: readonly ApplicationPool[]): Family[] {
  const reporting = applications.filter(({reported}) => reported !== null).slice(0, mostApplications);
  const family = (name: 'size' | 'busy' | 'waiting', help: string): Family => ({
    name: `pool_${name}`,
    help,
    samples: reporting.map(({application_name, usename, datname, reported}) => ({
      labels: {
        application: sanitise(application_name),
        role: sanitise(usename),
        database: sanitise(datname),
      },
      value: reported?.[name] ?? 0,
    })),
  });
  return [
    family('size', "Most connections of an application's pools, as it reports them."),
    family('busy', 'Connections that are checked out.'),
    family('waiting', 'Requests that wait for a connection.'),
  ];
}

/** `longest_transaction_seconds` for `longest_transaction_ms`, as Prometheus uses base units. */
function exposedName(name: string): string {
  return name.replace(/_ms$/, '_seconds');
}
