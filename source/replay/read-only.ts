import type pg from 'pg';
import {type AbortError, usageError} from '../core/errors.ts';
import {scanStatement} from './sql-endpoint-scan.ts';

/** What of pg's client is not in its types. */
type RawClient = pg.PoolClient & {
  connection: NodeJS.EventEmitter & {stream: {destroy(): void}};
};
type AnyQuery = (...args: unknown[]) => unknown;
type Reported = {parameterName: string; parameterValue: string};

/**
 * Holds a session that began read-only to it. What would lift that is refused before it is sent; what lifts it all
 * the same, as a function may, the server reports with the answer (from 14 on, GUC_REPORT): the session is cut then,
 * its statement failed.
 */
export function keepReadOnly(client: pg.PoolClient): void {
  const {connection} = client as RawClient;
  const query = client.query.bind(client) as AnyQuery;
  const guarded = (...args: unknown[]) => (isLifting(args) ? refuse(args, connection) : query(...args));
  Object.assign(client, {query: guarded});
  connection.on('parameterStatus', ({parameterName, parameterValue}: Reported) => {
    if (parameterName !== 'default_transaction_read_only' || parameterValue === 'on') return;
    // As a broken connection: what runs on it fails with this, and the pool takes it back no more.
    connection.emit('error', refusal('it switched off read-only, so its session was ended'));
    connection.stream.destroy();
  });
}

/** Whether a text of one statement or several would let later ones write in a session that is read-only. */
export function liftsReadOnly(text: string, values: readonly unknown[] = []): boolean {
  // Nearly every statement ends here.
  if (!/transaction_read_only|set_config|write/i.test(text)) return false;
  return statementsOf(text).some(statement => lifts(statement, values));
}

const setting = /transaction_read_only/i;
const isOn = /(?:=|\bto)\s*'?(?:on|true|yes|1)'?\s*;?\s*$/i;

/** RESET and DISCARD bring back what the session began with, which is read-only. */
function lifts(statement: string, values: readonly unknown[]): boolean {
  if (/set_config/i.test(statement)) return [statement, ...values].some(each => setting.test(String(each)));
  const word = /^\w*/.exec(statement)?.[0]?.toLowerCase();
  switch (word) {
    case 'set':
      return setting.test(statement) ? !isOn.test(statement) : /\bread\s+write\b/i.test(statement);
    case 'begin':
    case 'start':
      return /\bread\s+write\b/i.test(statement);
    case 'do':
    case 'call':
      return setting.test(statement) || /\bread\s+write\b/i.test(statement);
    default:
      return false;
  }
}

function statementsOf(text: string): string[] {
  const statements: string[] = [];
  for (let at = 0; at < text.length; ) {
    const {end} = scanStatement(text, at);
    statements.push(withoutComments(text.slice(at, end)).trim());
    at = end;
  }
  return statements;
}

/** Strings and quoted names may hold what looks like a comment. */
function withoutComments(statement: string): string {
  const token = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g;
  return statement.replace(token, found => (/^(--|\/\*)/.test(found) ? ' ' : found));
}

/** As pg's `query` takes them: a text or what has one, and values beside it or in it. */
function isLifting([config, values]: unknown[]): boolean {
  if (typeof config === 'string') return liftsReadOnly(config, Array.isArray(values) ? values : []);
  const {text, values: own = values} = (config ?? {}) as {text?: unknown; values?: unknown};
  return typeof text === 'string' && liftsReadOnly(text, Array.isArray(own) ? own : []);
}

/** As pg itself refuses on a client that can no more: by the callback, by the query's own, or by the promise. */
function refuse(args: unknown[], connection: unknown): unknown {
  const error = refusal('it would switch off read-only: refused without --allow-writes');
  const [query] = args as {handleError?(error: Error, connection: unknown): void}[];
  const callback = args.find(each => typeof each === 'function') as ((error: Error) => void) | undefined;
  if (callback !== undefined) return void process.nextTick(callback, error);
  if (query?.handleError === undefined) return Promise.reject(error);
  process.nextTick(() => query.handleError?.(error, connection));
  return query;
}

function refusal(message: string): AbortError {
  return usageError(message, 'Allow it with --allow-writes, on a server that is there for it.');
}
