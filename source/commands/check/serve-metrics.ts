import {createServer, type Server, type ServerResponse} from 'node:http';
import {Gauge, type OpenMetricsContentType, Registry} from 'prom-client';
import type {Call} from '../../cli/call/usage.ts';
import {type CliContext, printMessage} from '../../cli/context.ts';
import {openPoolerClients, type PoolerClients} from '../../cli/health/pooler-clients.ts';
import {openWatching, type Watching} from '../../cli/health/watch-health.ts';
import {exitCodeOfNormalEnd} from '../../cli/interrupts.ts';
import {cacheDiagnosisData} from '../../cli/recipe-data.ts';
import {createAssessor} from '../../core/assessment/assess.ts';
import {usageError} from '../../core/errors.ts';
import {
  type ApplicationCheck,
  watchApplications,
  watchApplicationsLately,
} from '../../core/health/applications.ts';
import {followLimits} from '../../core/health/follow-limits.ts';
import {assessHealth, type GivenLimits, limitsFor} from '../../core/health/health.ts';
import {measure} from '../../core/health/measure.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Finding, Recipe} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import type {usage} from './flags.ts';
import {down, type Family, healthFamilies, poolFamilies, snapshotFamilies} from './metric-families.ts';
import {readEvery} from './options.ts';

type Serving = {
  flags: Call<typeof usage>['flags'];
  recipes: readonly Recipe[];
  limits: GivenLimits;
  applications: readonly ApplicationCheck[];
};

/**
 * Serves the metrics of `check` as OpenMetrics until Ctrl-C or another signal. poolctl reads the server every `--every`;
 * a scrape returns the last snapshot and runs no query.
 */
export async function serveMetrics(
  context: CliContext,
  request: ConnectionRequest,
  {flags, ...judging}: Serving,
): Promise<ExitCode> {
  const address = parseAddress(flags.metrics ?? '');
  const every_ms = readEvery(flags);
  const pooler = await openPoolerClients(context, request.pooler, {isRequired: flags.pooler !== undefined});
  const watching = await openWatching(context, request, {
    flags,
    every_ms,
    for_ms: null,
    mayBeDown: true,
  });
  const exposition = createExposition();
  const server = createServer((incoming, response) => void serve(incoming.url ?? '', response, exposition));
  try {
    const port = await listen(server, address);
    printMessage(context.output, `metrics at http://${hostInUrl(address.host)}:${port}/metrics until Ctrl-C`);
    await updateUntilEnd(watching, {...judging, every_ms, exposition, askPooler: pooler.ask});
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

/** What --against compares: a minute, or as many readings. */
const leastWindowMs = 60_000;
const leastReadings = 10;

type UpdateOptions = Omit<Serving, 'flags'> & {
  every_ms: number;
  exposition: Exposition;
  askPooler: PoolerClients['ask'];
};

async function updateUntilEnd(
  {ports}: Watching,
  {recipes, limits, applications, every_ms, exposition, askPooler}: UpdateOptions,
): Promise<void> {
  const readData = cacheDiagnosisData(recipes, ports.load, ports.now);
  const assessor = createAssessor(recipes);
  const window_ms = Math.max(leastWindowMs, leastReadings * every_ms);
  const lately = watchApplicationsLately(
    applications.filter(({against}) => against !== null),
    window_ms,
  );
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
    const waiting = await askPooler();
    const metrics = measure({
      snapshot,
      facts: data.facts,
      findings: found.diagnosed,
      ...waiting,
      is_interval: true,
    });
    const judged = {...followLimits(found, metrics, limits), unavailable: snapshot.unavailable};
    const watched = watchApplications(applications);
    watched.add(snapshot);
    lately.add(snapshot);
    exposition.update([
      ...snapshotFamilies(snapshot),
      ...poolFamilies(found.applications),
      ...healthFamilies(assessHealth(metrics, limitsFor(limits), judged), watched.result(), {
        compared: lately.result(),
        window_ms,
      }),
    ]);
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
  update(families: readonly Family[]): void;
  markLost(): void;
};

/** The last snapshot as OpenMetrics, in base units. Unknown values are omitted. */
function createExposition(): Exposition {
  let registry = toRegistry([down]);
  return {
    contentType: Registry.OPENMETRICS_CONTENT_TYPE,
    text: () => registry.metrics(),
    update(families) {
      registry = toRegistry(families);
    },
    markLost() {
      registry = toRegistry([down]);
    },
  };
}

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
