import type {Call} from '../../cli/call/usage.ts';
import {withConnection} from '../../cli/connection.ts';
import type {CliContext} from '../../cli/context.ts';
import {preflightWindow_ms, readDuration} from '../../cli/flag-values.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {awaitSafe, judgeOnServer, judgeText} from '../../cli/preflight.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';
import type {Preflight} from '../../model/preflight.ts';
import type {ExitCode} from '../../model/run.ts';
import type {usage} from './flags.ts';
import {preflightText} from './render-preflight.ts';

/** `poolctl preflight <migration> [url]`. */
export async function run(context: CliContext, {words, flags}: Call<typeof usage>): Promise<ExitCode> {
  const [path, url] = words;
  if (path === undefined)
    throw usageError('preflight needs a migration', 'Usage: poolctl preflight prisma/migrations.');
  const {host, port, username, dbname, target, watch = false, autocommit = false} = flags;
  const hasServer = [url, host, port, username, dbname, target].some(each => each !== undefined);
  if (!hasServer && (watch || flags.rates !== undefined))
    throw usageError('--watch and --rates need a server', 'Give a URL, or --target NAME.');
  if (!watch && flags.for !== undefined) throw usageError('--for requires --watch');
  const migration = {path, cwd: context.cwd, autocommit};
  const window_ms =
    flags.rates === undefined
      ? preflightWindow_ms
      : readDuration('--rates', flags.rates, {min: 100, max: 60_000});
  const for_ms =
    flags.for === undefined ? null : readDuration('--for', flags.for, {min: 1000, max: 86_400_000});
  // What cannot be read is reported before poolctl connects.
  const document = await judgeText(migration);
  if (!hasServer) return print(context, document, flags);
  const request = await locateServer(context, {url, flags});
  return withConnection(context, request, flags, async (connection, signal) => {
    const judging = {migration, window_ms, signal};
    const judged = watch
      ? await awaitSafe(context.output, connection, {...judging, for_ms})
      : (await judgeOnServer(connection, judging)).document;
    return print(context, judged, flags);
  });
}

function print({output}: CliContext, document: Preflight, {json}: {json?: boolean | undefined}): ExitCode {
  output.stdout(json ? jsonText(document, output.isTty ? 2 : 0) : preflightText(document, output.columns));
  return document.verdict === 'safe' ? exitCodes.ok : exitCodes.findings;
}
