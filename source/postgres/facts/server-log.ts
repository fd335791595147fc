import {type FileHandle, open, readFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {summariseLog} from '../../core/server/log/summarise-log.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import type {ServerLog} from '../../model/server-work.ts';
import type {Connection} from '../connect/connect.ts';
import {serverQuery} from '../queries/query.ts';
import {findServerHere, whyRemote} from './host.ts';

/** So much of the log's end is read each time: a rotation or truncation needs no memory of where reading stopped. */
const longestTail_bytes = 1024 * 1024;

/**
 * The errors at the end of the server's log: of the file that the user named or, where poolctl runs on the server itself, of its
 * current log. Its queries are sent together. A log that cannot be read is a problem of it; throws the server's errors.
 */
export async function readServerLog(connection: LogConnection): Promise<ServerLog> {
  const {client, request} = connection;
  const named = request.log_file ?? null;
  const remote = named === null ? whyRemote(request) : null;
  if (remote !== null) return noLog(remote);
  const [own, {rows}] = await Promise.all([
    named === null ? findServerHere(connection) : null,
    client.query<LogRow>({text: logSettingsQuery.variants[0]?.text ?? ''}),
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('the server returned no row');
  const found = named ?? (await currentLog(own, row));
  if (typeof found !== 'string') return noLog(found.reason);
  const {prefix, time_zone} = row;
  const tail = await readTail(found).catch(({message}: Error) => ({unread: message}));
  if (typeof tail === 'string') return summariseLog({file: found, text: tail, prefix, time_zone});
  return noLog(
    `${found} cannot be read: ${named === null ? "run poolctl as the server's user" : redactSecrets(tail.unread)}`,
  );
}

type LogConnection = Pick<Connection, 'client' | 'request'>;

/**
 * As the server writes it beside its data, `csvlog log/postgresql-2026-11-28.csv` (syslogger.c); without the collector, the file that its
 * standard error leads to, as Debian starts it.
 */
async function currentLog(
  own: Awaited<ReturnType<typeof findServerHere>> | null,
  {destination}: Pick<LogRow, 'destination'>,
): Promise<string | {reason: string}> {
  if (own === null || typeof own === 'string') return {reason: own ?? ''};
  const {data_directory, standard_error} = own;
  if (data_directory === null) return {reason: 'data_directory is hidden: GRANT pg_read_all_settings'};
  const list = join(data_directory, 'current_logfiles');
  const text = await readFile(list, 'utf8').catch(({code}) => (code === 'ENOENT' ? '' : null));
  if (text === null) return {reason: `${list} cannot be read: run poolctl as the server's user`};
  const path = formats
    .map(name => new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1])
    .find(each => each !== undefined);
  if (path !== undefined) return resolve(data_directory, path);
  if (standard_error?.endsWith(' (deleted)'))
    return {reason: 'logging_collector is off, and the file of its standard error was deleted'};
  return /\bstderr\b/.test(destination) && standard_error !== null && isFile.test(standard_error)
    ? standard_error
    : {reason: 'logging_collector is off, and its standard error leads to no file that poolctl may see'};
}

/** Neither a pipe nor a socket, as of systemd and containers, nor a terminal. */
const isFile = /^\/(?!dev\/)/;

/** The ones with every field first. */
const formats = ['jsonlog', 'csvlog', 'stderr'];

function noLog(reason: string): ServerLog {
  return {
    file: null,
    from: null,
    to: null,
    errors: [],
    deadlocks: [],
    problem: `${reason}; --log FILE names the log`,
  };
}

type LogRow = {prefix: string; time_zone: string; destination: string};

export const logSettingsQuery = serverQuery(
  'poolctl_log_settings',
  `
SELECT /* poolctl */ current_setting('log_line_prefix') AS prefix, current_setting('log_timezone') AS time_zone,
  current_setting('log_destination') AS destination`,
);

async function readTail(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    return await tailOf(file);
  } finally {
    await file.close();
  }
}

/** A file that shrinks meanwhile gives what is left of it. */
async function tailOf(file: FileHandle): Promise<string> {
  const stats = await file.stat();
  if (!stats.isFile()) throw new Error('it is not a file');
  const from = Math.max(0, stats.size - longestTail_bytes);
  const bytes = Buffer.alloc(Math.min(stats.size, longestTail_bytes));
  let length = 0;
  for (;;) {
    const {bytesRead} = await file.read(bytes, length, bytes.length - length, from + length);
    length += bytesRead;
    if (bytesRead === 0 || length === bytes.length) return bytes.toString('utf8', 0, length);
  }
}
