import {createServer, type Server, type ServerResponse} from 'node:http';
import type {Call} from '../../cli/call/command.ts';
import {type CliContext, printMessage} from '../../cli/context.ts';
import {openWatching, type Watching} from '../../cli/health/open-watching.ts';
import {openPoolerClients} from '../../cli/health/pooler-clients.ts';
import {exitCodeOfNormalEnd} from '../../cli/interrupts.ts';
import {usageError} from '../../core/errors.ts';
import {assessHealth, type GivenLimits, limitsFor} from '../../core/health/health.ts';

import {measure} from '../../core/health/measure.ts';
import {diagnoseAll} from '../../core/recipe/diagnose.ts';
import {type DiagnosisData, loadDiagnosisData} from '../../core/recipe/load-data.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import type {usage} from './flags.ts';
import {readEvery} from './options.ts';
import {createExposition, type Exposition} from './render-openmetrics.ts';

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
  const watching = await openWatching(context, request, {flags, every_ms: readEvery(flags), for_ms: null});
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

/** Recipe data is expensive to read and changes slowly. */
const dataEveryMs = 60_000;

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
  let data: (DiagnosisData & {at_ms: number}) | null = null;
  for await (const event of ports.events) {
    if (event.kind === 'lost') {
      exposition.markLost();
      continue;
    }
    const {snapshot} = event;
    if (data === null || ports.now() - data.at_ms >= dataEveryMs) {
      const read = await loadDiagnosisData(recipes, ports.load).catch(() => ({facts: {}, unread: []}));
      data = {...read, at_ms: ports.now()};
    }
    const {facts} = data;
    const {findings} = diagnoseAll(recipes, snapshot, facts);
    const pooler_waiting_clients = await askPooler();
    const metrics = measure({snapshot, facts, findings, pooler_waiting_clients, is_interval: true});
    exposition.update(snapshot, assessHealth(metrics, limitsFor(snapshot, limits), findings));
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
