import {createServer, type Server, type ServerResponse} from 'node:http';
import {Gauge, type OpenMetricsContentType, Registry} from 'prom-client';
import type {Call} from '../../cli/call/usage.ts';
import {type CliContext, printMessage} from '../../cli/context.ts';
import {openPoolerClients} from '../../cli/health/pooler-clients.ts';
import {openWatching, type Watching} from '../../cli/health/watch-health.ts';
import {exitCodeOfNormalEnd} from '../../cli/interrupts.ts';
import {cacheDiagnosisData} from '../../cli/recipe-data.ts';
import {createAssessor} from '../../core/assessment/assess.ts';
import {usageError} from '../../core/errors.ts';
import {groupBy} from '../../core/group-by.ts';
import {followLimits} from '../../core/health/follow-limits.ts';
import {assessHealth, type GivenLimits, type Health, limitsFor} from '../../core/health/health.ts';
import {measure} from '../../core/health/measure.ts';
import {type MetricName, metricNames, metricOf} from '../../core/health/metrics.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Finding, Recipe} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import type {BudgetGroup, Snapshot} from '../../model/snapshot.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import type {usage} from './flags.ts';
import {readEvery} from './options.ts';

type Serving = {flags: Call<typeof usage>['flags']; recipes: readonly Recipe[]; limits: GivenLimits};

/**
 * Serves the metrics of `check` as OpenMetrics until Ctrl-C or another signal. poolctl reads the server every `--every`;
 * a scrape returns the last snapshot and runs no query.
 */
export async function serveMetrics(
  context: CliContext,
  request: ConnectionRequest,
  {flags, recipes, limits}: Serving,
): Promise<ExitCode> {
  const address = parseAddress(flags.metrics ?? '');
  const pooler = await openPoolerClients(context, flags.pooler);
  const watching = await openWatching(context, request, {
    flags,
    every_ms: readEvery(flags),
    for_ms: null,
    mayBeDown: true,
  });
  const exposition = createExposition();
  const server = createServer((incoming, response) => void serve(incoming.url ?? '', response, exposition));
  try {
    const port = await listen(server, address);
    printMessage(context.output, `metrics at http://${hostInUrl(address.host)}:${port}/metrics until Ctrl-C`);
    await updateUntilEnd(watching, {recipes, limits, exposition, askPooler: pooler.ask});
    return exitCodeOfNormalEnd();
  } catch (error) {
    if (watching.ports.signal.aborted) return exitCodeOfNormalEnd();
    throw error;
  } finally {
    server.close();
    server.closeAllConnections();
    watching.release();
    await pooler.close();
  }
}

type UpdateOptions = {
  recipes: readonly Recipe[];
  limits: GivenLimits;
  exposition: Exposition;
  askPooler(): Promise<number | null>;
};

async function updateUntilEnd(
  {ports}: Watching,
  {recipes, limits, exposition, askPooler}: UpdateOptions,
): Promise<void> {
  const readData = cacheDiagnosisData(recipes, ports.load, ports.now);
  const assessor = createAssessor(recipes);
  let findings: readonly Finding[] = [];
  for await (const event of ports.events) {
    if (event.kind === 'lost') {
      exposition.markLost();
      continue;
    }
    const {snapshot} = event;
    const data = await readData(findings);
    const found = assessor.assess(snapshot, data);
    findings = found.findings;
    const pooler_waiting_clients = await askPooler();
    const metrics = measure({
      snapshot,
      facts: data.facts,
      findings: found.diagnosed,
      pooler_waiting_clients,
      is_interval: true,
    });
    const judged = {...followLimits(found, metrics, limits), unavailable: snapshot.unavailable};
    exposition.update(snapshot, assessHealth(metrics, limitsFor(limits), judged));
  }
}

async function serve(url: string, response: ServerResponse, exposition: Exposition): Promise<void> {
  const [path] = url.split('?');
  if (path !== '/metrics') {
    response.writeHead(404, {'content-type': 'text/plain'}).end('Not found. The metrics are at /metrics.\n');
    return;
  }
  response.writeHead(200, {'content-type': exposition.contentType}).end(await exposition.text());
}

type Address = {host: string; port: number};

/** Parses HOST:PORT; the host defaults to 127.0.0.1. Throws AbortError (exit 2) if invalid. */
function parseAddress(text: string): Address {
  const [, bracketed, plain, port] = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) {
    throw usageError(
      `invalid address "${text}" for --metrics`,
      'Use :9187, or 0.0.0.0:9187 for every interface.',
    );
  }
  return {host: bracketed ?? (plain || '127.0.0.1'), port: Number(port)};
}

function listen(server: Server, {host, port}: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const message = sanitise(`cannot listen on ${host}:${port}: ${error.code ?? error.message}`);
      reject(usageError(message, undefined, error));
    });
    server.listen(port, host, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
    });
  });
}

function hostInUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

type Exposition = {
  contentType: string;
  text(): Promise<string>;
  update(snapshot: Snapshot, health: Health): void;
  markLost(): void;
};

/** The last snapshot as OpenMetrics, in base units. Unknown values are omitted. */
function createExposition(): Exposition {
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

function healthFamilies({status, findings, metrics, thresholds}: Health): Family[] {
  const kinds = new Map<string, {labels: Record<string, string>; value: number}>();
  for (const {recipe, severity} of findings) {
    const labels = {recipe, severity};
    const value = (kinds.get(`${recipe} ${severity}`)?.value ?? 0) + 1;
    kinds.set(`${recipe} ${severity}`, {labels, value});
  }
  return [
    ...(status === 'unknown'
      ? []
      : [gauge('status', 'Worst limit or finding: 0 ok, 1 warning, 2 critical.', levels[status])]),
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
