import {type FileHandle, open, rm} from 'node:fs/promises';
import path from 'node:path';
import type {Call} from '../../cli/call/usage.ts';
import type {CliContext} from '../../cli/context.ts';
import {catchInterrupts, exitCodeOfNormalEnd, raceInterrupt} from '../../cli/interrupts.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {counted} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ExitCode} from '../../model/run.ts';
import type {PrismaSettings} from '../../model/target.ts';
import {type Dial, findDial} from '../../postgres/connect/dial.ts';
import {toAbortError} from '../../postgres/connect/errors.ts';
import {type ConnectionRequest, hostAndPort} from '../../postgres/connect/request.ts';
import {type CaptureLog, createCaptureLog} from '../../replay/capture/capture-log.ts';
import {endpointFileText, extentText, toEndpoint} from '../../replay/capture/endpoint-file.ts';
import {startProxy} from '../../replay/capture/proxy.ts';
import {observeSession} from '../../replay/capture/session.ts';
import type {LoopbackServer} from '../../replay/loopback.ts';
import type {usage} from './flags.ts';

/**
 * `poolctl replay --capture <route> [url]`: forwards an application's connections to the server and writes the
 * statements it captured to a SQL endpoint file when it ends, normally with Ctrl-C.
 */
export async function runCapture(context: CliContext, {words, flags}: Call<typeof usage>): Promise<ExitCode> {
  const route = (flags.capture ?? '').replace(/\s+/g, ' ').trim();
  if (route === '' || words.length > 1) {
    throw usageError(
      '--capture takes a route and at most one URL',
      'Example: poolctl replay --capture "GET /api/students" postgres://user@host/database',
    );
  }
  const request = await locateServer(context, {url: words[0], flags});
  const file = path.resolve(context.cwd, flags.out ?? fileNameOf(route));
  const report = (text: string) => context.output.stderr(sanitise(`poolctl capture: ${text}`));
  const {signal, release} = catchInterrupts(context);
  try {
    const dial = await raceInterrupt(dialOf(request), signal);
    // Creates the file first, so that an unwritable path fails before the capture.
    const reserved = await reserve(file);
    const log = createCaptureLog();
    try {
      await capture(context, request, {
        dial,
        log,
        port: flags.listen ?? 0,
        json: flags.json ?? false,
        signal,
        report,
      });
      await write(log, {
        route,
        from: `${hostAndPort(request)}/${request.database}`,
        handle: reserved,
        report,
      });
    } catch (error) {
      await rm(file, {force: true});
      throw error;
    } finally {
      await reserved.close();
    }
    report(`written to ${file}; replay it with 'poolctl replay ${path.relative(context.cwd, file)}'`);
    return exitCodeOfNormalEnd();
  } finally {
    release();
  }
}

async function dialOf(request: ConnectionRequest): Promise<Dial> {
  try {
    return await findDial(request);
  } catch (error) {
    throw toAbortError(error, request);
  }
}

type CaptureOptions = {
  dial: Dial;
  log: CaptureLog;
  port: number;
  json: boolean;
  signal: AbortSignal;
  report(text: string): void;
};

/** Captures until the signal aborts. */
async function capture(
  {output, stdin}: CliContext,
  request: ConnectionRequest,
  {dial, log, port, json, signal, report}: CaptureOptions,
): Promise<void> {
  let connections = 0;
  const proxy = await listen(port, {
    dial,
    report,
    observe(startup) {
      if (connections === 0) report('the application connected');
      connections++;
      return observeSession(log, {connection: connections, startup});
    },
  });
  const url = proxyUrl(request, proxy.port);
  output.stdout(json ? jsonText({schema_version: 1, url}) : url);
  report(
    'connect the application to this URL, with its password, and send it one request; Ctrl-C ends the capture',
  );
  if (stdin.isTTY) {
    report(
      'Enter discards what was captured so far: send the request once, press Enter, and send it again with a warm pool',
    );
    stdin.on('data', () => {
      report(`${counted(log.statements.length, 'statement')} discarded`);
      log.clear();
    });
  }
  if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, {once: true}));
  if (stdin.isTTY) stdin.pause();
  await proxy.close();
}

async function listen(
  port: number,
  options: Omit<Parameters<typeof startProxy>[0], 'port'>,
): Promise<LoopbackServer> {
  try {
    return await startProxy({...options, port});
  } catch (error) {
    const {code} = error as {code?: unknown};
    throw usageError(
      `cannot listen on port ${port}: ${String(code ?? error)}`,
      'Choose another with --listen, or leave it out for any free port.',
      error,
    );
  }
}

/** The URL for Prisma and libpq, with PASSWORD in place of the password. */
function proxyUrl({user, database, prisma}: ConnectionRequest, port: number): string {
  const [role, name] = [user, database].map(encodeURIComponent);
  const settings = new URLSearchParams({sslmode: 'disable'});
  for (const [key, value] of Object.entries(prisma ?? ({} as PrismaSettings))) {
    if (value !== null) settings.set(key, String(value));
  }
  return `postgresql://${role}:PASSWORD@127.0.0.1:${port}/${name}?${settings}`;
}

type WriteOptions = {route: string; from: string; handle: FileHandle; report(text: string): void};

async function write(log: CaptureLog, {route, from, handle, report}: WriteOptions): Promise<void> {
  const captured = toEndpoint(log, route);
  for (const note of captured.notes) report(note);
  if (captured.statements === 0) {
    throw new AbortError('no statement was captured that can be replayed', {
      hint: 'Check that the application connected to the URL above and handled a request.',
      exitCode: exitCodes.actFailed,
    });
  }
  report(extentText(captured));
  await handle.writeFile(endpointFileText(captured, from));
}

/** Creates the file, readable only by its owner. Throws AbortError (exit 2) if it exists or cannot be created. */
async function reserve(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'wx', 0o600);
  } catch (error) {
    const {code} = error as {code?: unknown};
    throw usageError(
      code === 'EEXIST' ? `${file} already exists` : `cannot write ${file}: ${String(code ?? error)}`,
      'Choose another with --out FILE.',
      error,
    );
  }
}

/** `GET /api/students` is `get-api-students.sql`. */
function fileNameOf(route: string): string {
  const words = route.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return `${words.join('-').slice(0, 80) || 'captured'}.sql`;
}
