import {quoteIdentifier} from '../../core/sql/quote.ts';
import {newerThanKnown} from '../../core/text/format.ts';
import type {ServerState} from '../../model/server-state.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import type {PgClient, PgQuery, PgResult} from '../connect/client.ts';
import {explainUnconvertible, isAboutOneQuery, isSqlstate, isUndefined, sqlstateOf} from '../sqlstate.ts';

/** Parts of a snapshot that may be unavailable while the rest is read. */
type SectionName =
  | 'activity'
  | 'budget'
  | 'names'
  | 'databases'
  | 'statements'
  | 'statement_texts'
  | 'wait_samples'
  | 'lock_waits'
  | 'index_hits'
  | 'index_builds'
  | `server.${keyof ServerState}`;

export type Sections = {
  /** Runs `read` unless it failed within 30 s. Its failure makes the section unavailable. */
  attempt(name: SectionName, read: () => Promise<void>): Promise<void>;
  /** It failed within 30 s. */
  isPaused(name: SectionName): boolean;
  unavailable(): Unavailable[];
  /** Runs the section again immediately, as the reason of its failure may be gone. */
  forget(name: SectionName): void;
};

/** A refused query would be refused again, and logged by the server each time. */
const retryAfterMs = 30_000;

/**
 * Records which sections failed, why, and what fixes them. Errors that concern one query are recorded; those that end
 * the connection are thrown. A part of the Server view reads files and directories, too: of its errors only those are thrown that say
 * that the session has ended, as a sick disk (class 58) must not cost the sessions and locks.
 */
export function createSections(
  connection: {request: {user: string}; server_version_num: number},
  now: () => number,
): Sections {
  const {
    request: {user: role},
    server_version_num,
  } = connection;
  const failed = new Map<SectionName, {at_ms: number; unavailable: Unavailable}>();
  const isPaused: Sections['isPaused'] = name => {
    const last = failed.get(name);
    return last !== undefined && now() - last.at_ms < retryAfterMs;
  };
  return {
    isPaused,
    async attempt(name, read) {
      if (isPaused(name)) return;
      try {
        await read();
        failed.delete(name);
      } catch (error) {
        const code = (error as {code?: unknown}).code;
        const isRecorded = name.startsWith('server.') ? !endsSession(error) : isAboutOneQuery(code);
        if (!isRecorded) throw error;
        const sqlstate = sqlstateOf(error);
        failed.set(name, {
          at_ms: now(),
          unavailable: explain(name, sqlstate, {error, role, server_version_num}),
        });
      }
    },
    unavailable: () => [...failed.values()].map(({unavailable}) => unavailable),
    forget: name => void failed.delete(name),
  };
}

/** PostgreSQL ends the session after FATAL and PANIC, and goes on after ERROR (elog.h). Class 08 is the connection itself. */
function endsSession(error: unknown): boolean {
  const {severity, code} = error as {severity?: unknown; code?: unknown};
  return severity === 'FATAL' || severity === 'PANIC' || (isSqlstate(code) && code.startsWith('08'));
}

function explain(
  section: SectionName,
  sqlstate: string | null,
  context: {error: unknown; role: string; server_version_num: number},
): Unavailable {
  const unconvertible = section === 'statement_texts' ? explainUnconvertible(context.error) : null;
  if (unconvertible !== null) return {section, sqlstate, ...unconvertible};
  const reason = context.error instanceof Error ? context.error.message : String(context.error);
  const role = quoteIdentifier(context.role);
  const remedies: Record<string, string> = {
    '42501': `GRANT pg_monitor TO ${role};${section === 'statements' ? ` and USAGE on the extension's schema` : ''}`,
    '57014': 'none needed: the server did not answer in time; poolctl tries again in 30 s',
    // Elsewhere it says that the server or an object is not in the state that the query needs.
    ...(section.startsWith('statement') && {
      '55000': 'add pg_stat_statements to shared_preload_libraries, and restart',
    }),
    '42883':
      section === 'statements'
        ? 'ALTER EXTENSION pg_stat_statements UPDATE;'
        : 'report this as a bug of poolctl',
  };
  const isOutdated = isUndefined(sqlstate) && newerThanKnown(context.server_version_num) !== '';
  if (isOutdated)
    remedies[sqlstate ?? ''] = 'PostgreSQL is newer than poolctl knows: see whether a newer poolctl reads it';
  return {section, sqlstate, reason, remedy: remedies[sqlstate ?? ''] ?? 'poolctl tries again in 30 s'};
}

/** Runs one query; rows are arrays in the order of its columns. */
export type RunQuery = <Row>(query: {text: string}, values?: readonly unknown[]) => Promise<Row[]>;

type ReadOptions = {is_pooled: boolean; now: () => number};

/**
 * The client, where sessions, statements and names of other databases have other encodings: an answer that cannot be converted is
 * read again as it is, and so for the next 30 s, as the server logs each refusal.
 */
export function createReadingClient(client: PgClient, {is_pooled, now}: ReadOptions): PgClient {
  /** When the server could not convert the answer to a query, by its text. */
  const refusedMs = new Map<string, number>();
  const isUnconverted = (text: string) => {
    const at_ms = refusedMs.get(text);
    return at_ms !== undefined && now() - at_ms < retryAfterMs;
  };
  async function query<Row>(sent: PgQuery | string): Promise<PgResult<Row>> {
    const text = typeof sent === 'string' ? sent : sent.text;
    if (!isUnconverted(text)) {
      try {
        return await client.query<Row>(sent);
      } catch (error) {
        const code = (error as {code?: string}).code ?? '';
        // Through a pooler the SET would reach another session.
        if (!unconvertible.has(code) || is_pooled) throw error;
        refusedMs.set(text, now());
      }
    }
    // Sent together, so that no other query gets in between.
    const [, result] = await Promise.all([
      client.query(`SET client_encoding = 'SQL_ASCII'`),
      client.query<Row>(sent),
      client.query(`SET client_encoding = 'UTF8'`),
    ]);
    return result;
  }
  return {
    query,
    get processID() {
      return client.processID;
    },
    end: () => client.end(),
  };
}

/**
 * The client whose queries are prepared statements in a session of poolctl's own: they are planned once, not at every refresh.
 * An undetected pooler shows when a prepared statement is gone (26000), exists already (42P05) or is refused (08P01): from
 * then on queries are not prepared. 0A000 is a plan that an upgraded extension has outdated.
 */
export function createPreparingClient(
  client: PgClient,
  {is_pooled}: Pick<ReadOptions, 'is_pooled'>,
): PgClient {
  let isPrepared = !is_pooled;
  return {
    async query<Row>(sent: PgQuery | string) {
      const unnamed = typeof sent === 'string' ? {text: sent} : sent;
      if (!isPrepared) return client.query<Row>(unnamed);
      try {
        return await client.query<Row>({...unnamed, name: nameOf(unnamed.text)});
      } catch (error) {
        if (!unpreparable.has((error as {code?: string}).code ?? '')) throw error;
        isPrepared = false;
        return client.query<Row>(unnamed);
      }
    },
    get processID() {
      return client.processID;
    },
    end: () => client.end(),
  };
}

/**
 * Names of prepared statements by text, as an extension that moved to another schema changes the text of its queries. For all
 * connections, as several readers with other queries may follow each other on one.
 */
const names = new Map<string, string>();

function nameOf(text: string): string {
  const name = names.get(text) ?? `poolctl_${names.size}`;
  names.set(text, name);
  return name;
}

/** Reads rows as arrays. */
export function createRunQuery(client: PgClient): RunQuery {
  return async <Row>({text}: {text: string}, values: readonly unknown[] = []) =>
    (await client.query<Row>({text, values, rowMode: 'array'})).rows;
}

const unpreparable = new Set(['26000', '42P05', '08P01', '0A000']);
/** A text of another database has bytes that this one's encoding has not, or that UTF8 has not. */
const unconvertible = new Set(['22021', '22P05']);
