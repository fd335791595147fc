import {Gauge, type OpenMetricsContentType, Registry} from 'prom-client';
import type {Health} from '../../core/health/health.ts';
import {type MetricName, metricNames, metricOf} from '../../core/health/metrics.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Snapshot} from '../../model/snapshot.ts';

export type Exposition = {
  contentType: string;
  text(): Promise<string>;
  update(snapshot: Snapshot, health: Health): void;
  markLost(): void;
};

/** The last snapshot as OpenMetrics, in base units. Unknown values are omitted. */
export function createExposition(): Exposition {
  let registry = toRegistry([down]);
  return {
    contentType: Registry.OPENMETRICS_CONTENT_TYPE,
    text: () => registry.metrics(),
    update(snapshot, health) {
      registry = toRegistry([...snapshotFamilies(snapshot), ...healthFamilies(health)]);
    },
    markLost() {
      registry = toRegistry([down]);
    },
  };
}

type Family = {
  name: string;
  help: string;
  samples: readonly {labels: Record<string, string>; value: number}[];
};

function toRegistry(families: readonly Family[]): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const {name, help, samples} of families) {
    const [first] = samples;
    if (first === undefined) continue;
    const labelNames = Object.keys(first.labels);
    const metric = new Gauge({name: `poolctl_${name}`, help, labelNames, registers: [registry]});
    for (const {labels, value} of samples) metric.set(labels, value);
  }
  return registry;
}

const levels = {ok: 0, warning: 1, critical: 2} as const;

const gauge = (name: string, help: string, value: number): Family => ({
  name,
  help,
  samples: [{labels: {}, value}],
});

const upHelp = 'Whether the last snapshot succeeded.';
const down = gauge('up', upHelp, 0);

function snapshotFamilies({at, budget, cost, target}: Snapshot): Family[] {
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
      help: 'Client sessions by state.',
      samples: states.map(([state, value]) => ({labels: {state}, value})),
    },
  ];
}

function healthFamilies({status, findings, metrics, thresholds}: Health): Family[] {
  const kinds = new Map<string, {labels: Record<string, string>; value: number}>();
  for (const {recipe, severity} of findings) {
    const labels = {recipe, severity};
    const value = (kinds.get(`${recipe} ${severity}`)?.value ?? 0) + 1;
    kinds.set(`${recipe} ${severity}`, {labels, value});
  }
  return [
    gauge('status', 'Worst limit or finding: 0 ok, 1 warning, 2 critical.', levels[status]),
    {
      name: 'limit_level',
      help: 'Level of each metric: 0 ok, 1 warning, 2 critical.',
      samples: metricNames.flatMap(name => {
        const {level} = thresholds[name];
        return level === 'unknown' ? [] : [{labels: {metric: exposedName(name)}, value: levels[level]}];
      }),
    },
    {name: 'findings', help: 'Findings by recipe and severity.', samples: [...kinds.values()]},
    ...metricNames.flatMap(name => {
      const value = metrics[name];
      const {kind, title} = metricOf(name);
      if (value === null) return [];
      return [gauge(exposedName(name), `${title}.`, value / (kind === 'duration' ? 1000 : 1))];
    }),
  ];
}

/** `longest_transaction_seconds` for `longest_transaction_ms`, as Prometheus uses base units. */
function exposedName(name: MetricName): string {
  return name.replace(/_ms$/, '_seconds');
}
