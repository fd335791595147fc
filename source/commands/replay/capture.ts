import {type FileHandle, open, rm} from 'node:fs/promises';
import path from 'node:path';
import type {Call} from '../../cli/call/parse-call.ts';
import type {CliContext} from '../../cli/context.ts';
import {catchInterrupts, exitCodeOfNormalEnd, raceInterrupt} from '../../cli/interrupts.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {counted} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ExitCode} from '../../model/run.ts';
import type {PrismaSettings} from '../../model/target.ts';
import {type Dial, findDial} from '../../postgres/connect/dial.ts';
import {toAbortError} from '../../postgres/connect/errors.ts';
import {type ConnectionRequest, hostAndPort} from '../../postgres/connect/request.ts';
import {endpointFileText, extentText, toEndpoint} from '../../replay/capture/endpoint-file.ts';
import {type CaptureProxy, startProxy} from '../../replay/capture/proxy.ts';
import {createRecording, type Recording} from '../../replay/capture/recording.ts';
import {observeSession} from '../../replay/capture/session.ts';

/**
 * `poolctl replay --capture <route> [url]`: a way to the server that writes down what goes by, as a SQL endpoint
 * file, until Ctrl-C, its normal end, or another signal.
 */
export async function runCapture(
  context: CliContext,
  {words, flags}: Call,
  requestTo: (url: string | undefined) => Promise<ConnectionRequest>,
): Promise<ExitCode> {
  const route = (flags.capture ?? '').replace(/\s+/g, ' ').trim();
  if (route === '' || words.length > 1) {
    throw usageError(
      '--capture wants a route, and an address at most',
      'Such as: poolctl replay --capture "GET /api/students" postgres://user@host/database',
    );
  }
  const request = await requestTo(words[0]);
  const file = path.resolve(context.cwd, flags.out ?? fileNameOf(route));
  const tell = (text: string) => context.output.stderr(sanitise(`poolctl capture: ${text}`));
  const {signal, release} = catchInterrupts(context);
  try {
    const dial = await raceInterrupt(dialOf(request), signal);
    // Before anything is captured: a place that cannot be written to is not to be found out about afterwards.
    const reserved = await reserve(file);
    const recording = createRecording();
    try {
      await capture(context, request, {
        dial,
        recording,
        port: flags.listen ?? 0,
        json: flags.json ?? false,
        signal,
        tell,
      });
      await write(recording, {
        route,
        from: `${hostAndPort(request)}/${request.database}`,
        handle: reserved,
        tell,
      });
    } catch (error) {
      await rm(file, {force: true});
      throw error;
    } finally {
      await reserved.close();
    }
    tell(`written to ${file}; 'poolctl replay ${path.relative(context.cwd, file)}' replays it`);
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
  recording: Recording;
  port: number;
  json: boolean;
  signal: AbortSignal;
  tell(text: string): void;
};

/** Until the signal aborts. */
async function capture(
  {output, stdin}: CliContext,
  request: ConnectionRequest,
  {dial, recording, port, json, signal, tell}: CaptureOptions,
): Promise<void> {
  let connections = 0;
  const proxy = await listen(port, {
    dial,
    tell,
    observe(startup) {
      if (connections === 0) tell('the application is there');
      connections++;
      return observeSession(recording, {connection: connections, startup});
    },
  });
  const url = addressOf(request, proxy.port);
  output.stdout(json ? jsonText({schema_version: 1, url}) : url);
  tell(
    'let the application connect to this address, with its password, and do the one request; Ctrl-C ends it',
  );
  if (stdin.isTTY) {
    tell(
      'Enter forgets what came so far: do the request once, press Enter, and do it again with its pool warm',
    );
    stdin.on('data', () => {
      tell(`${counted(recording.statements.length, 'statement')} forgotten`);
      recording.clear();
    });
  }
  if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, {once: true}));
  if (stdin.isTTY) stdin.pause();
  await proxy.close();
}

async function listen(
  port: number,
  options: Omit<Parameters<typeof startProxy>[0], 'port'>,
): Promise<CaptureProxy> {
  try {
    return await startProxy({...options, port});
  } catch (error) {
    const {code} = error as {code?: unknown};
    throw usageError(
      `cannot listen on port ${port}: ${String(code ?? error)}`,
      'Give another with --listen, or none for a free one.',
      error,
    );
  }
}

/** As Prisma and libpq take it. The password is the application's to put in. */
function addressOf({user, database, prisma}: ConnectionRequest, port: number): string {
  const [role, name] = [user, database].map(encodeURIComponent);
  const settings = new URLSearchParams({sslmode: 'disable'});
  for (const [key, value] of Object.entries(prisma ?? ({} as PrismaSettings))) {
    if (value !== null) settings.set(key, String(value));
  }
  return `postgresql://${role}:PASSWORD@127.0.0.1:${port}/${name}?${settings}`;
}

type WriteOptions = {route: string; from: string; handle: FileHandle; tell(text: string): void};

async function write(recording: Recording, {route, from, handle, tell}: WriteOptions): Promise<void> {
  const captured = toEndpoint(recording, route);
  for (const note of captured.notes) tell(note);
  if (captured.statements === 0) {
    throw new AbortError('nothing was captured that can be replayed', {
      hint: 'Did the application connect to the address above, and answer a request?',
      exitCode: exitCodes.actFailed,
    });
  }
  tell(extentText(captured));
  await handle.writeFile(endpointFileText(captured, from));
}

/** For its owner alone: it will hold data. Throws AbortError (exit 2) where it is there, or cannot be. */
async function reserve(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'wx', 0o600);
  } catch (error) {
    const {code} = error as {code?: unknown};
    throw usageError(
      code === 'EEXIST' ? `${file} is there already` : `cannot write ${file}: ${String(code ?? error)}`,
      'Name another with --out FILE.',
      error,
    );
  }
}

/** `GET /api/students` is `get-api-students.sql`. */
function fileNameOf(route: string): string {
  const words = route.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return `${words.join('-').slice(0, 80) || 'captured'}.sql`;
}
