import type {SessionFacts} from '../../model/recipe-data.ts';
import type {Backend} from '../../model/snapshot.ts';
import {redactLiterals} from '../sql/shown-sql.ts';
import {statementName} from '../sql/statement-name.ts';
import {counted, formatBytes, formatCount, formatRatio} from '../text/format.ts';

/** `end`: pg_terminate_backend(); `cancel`: pg_cancel_backend(). */
type Ending = 'end' | 'cancel';

/**
 * What others rely on a session for, which its row does not show; null if nothing is known. What selects sessions by
 * criteria leaves such a session alone.
 */
export function dutyOf(backend: Backend, facts: SessionFacts): string | null {
  const locks = heldLocks(backend, facts);
  if (locks !== null) return `it holds ${locks}`;
  if (isCommitted(backend))
    return 'its transaction is committed and waits for a synchronous standby (SyncRep)';
  return isListening(backend) ? 'it listens for notifications (LISTEN)' : null;
}

/** Why an idle session of a pooler is no application's leak; null for others. In a transaction it belongs to one client. */
export function sharedByClients(backend: Backend): string | null {
  const pooler = backend.state === 'idle' ? poolerOf(backend) : null;
  return pooler === null ? null : `it is a server connection of ${pooler}, which clients share`;
}

/** What the act does to these sessions and their clients, a sentence each, only what is true of one of them. */
export function effectsOf(
  ending: Ending,
  sessions: readonly Backend[],
  facts: SessionFacts | undefined,
): string[] {
  const committed = sessions.filter(isCommitted);
  const others = sessions.filter(session => !isCommitted(session));
  return [
    ...(ending === 'end' ? endedSessions(others, facts) : cancelledStatements(others, facts)),
    ...aboutEach(committed, ({pid}) => committedEffect(pid, ending)),
    ...aboutEach(others, session => unfinishedWork(session, facts)),
    ...aboutEach(others, session => writtenWork(session, facts)),
    ...(ending === 'end'
      ? whatEndsWith(sessions, facts)
      : aboutEach(sessions, session => lockEffect(session, ending, facts))),
  ];
}

/** What ends with a session besides its transaction. */
export function whatEndsWith(sessions: readonly Backend[], facts: SessionFacts | undefined): string[] {
  return [
    ...aboutEach(sessions, session => lockEffect(session, 'end', facts)),
    ...aboutEach(sessions, session => tempTables(session, facts)),
    ...unheardErrors(sessions),
    ...unseen(sessions, facts),
  ];
}

/**
 * What a closed connection does to a process of node-postgres: pg-pool 3.14 listens to a client while it is idle, and no longer once
 * it is checked out (`_acquireClient`). Prisma's adapter listens to both.
 */
function unheardErrors(sessions: readonly Backend[]): string[] {
  const ofClients = sessions.filter(session => poolerOf(session) === null);
  const idle = ofClients.filter(({state}) => state === 'idle').length;
  return [
    ...(idle === 0
      ? []
      : [
          "A pool of node-postgres without a listener for 'error' ends its process when an idle connection is closed.",
        ]),
    ...(idle === ofClients.length
      ? []
      : [
          "A client of node-postgres that is checked out (pool.connect()) ends its process unless it has a listener for 'error' of its own.",
        ]),
  ];
}

function endedSessions(sessions: readonly Backend[], facts: SessionFacts | undefined): string[] {
  if (sessions.length === 0) return [];
  const idle = sessions.filter(({state}) => state === 'idle').length;
  return [
    ...transactionEffects(sessions.filter(session => unfinishedWork(session, facts) === null)),
    ...(idle === 0
      ? []
      : [
          idle === sessions.length
            ? `${idle === 1 ? 'It has' : 'They have'} no transaction open: nothing is rolled back.`
            : `${counted(idle, 'session')} of them ${idle === 1 ? 'has' : 'have'} no transaction open.`,
        ]),
  ];
}

function cancelledStatements(sessions: readonly Backend[], facts: SessionFacts | undefined): string[] {
  if (sessions.length === 0) return [];
  return [
    'The client gets an error (57014) and its transaction is aborted; the session stays.',
    ...transactionEffects(sessions.filter(session => unfinishedWork(session, facts) === null)),
    ...(sessions.some(({query}) => /^\s*(?:call|do)\b/i.test(query ?? ''))
      ? ['What a procedure has committed before stays.']
      : []),
  ];
}

/** `backend_xid` is set once a transaction writes, and gone once it is aborted: but not by an error behind a savepoint. */
function transactionEffects(sessions: readonly Backend[]): string[] {
  const aborted = sessions.filter(
    ({state, backend_xid}) => state === 'idle in transaction (aborted)' && backend_xid === null,
  ).length;
  const open = sessions.filter(hasTransaction).length - aborted;
  const wrote = sessions.filter(({backend_xid}) => backend_xid !== null).length;
  return [
    ...(open === 0
      ? []
      : [
          wrote === 0
            ? `${open === 1 ? 'The open transaction has' : `The ${open} open transactions have`} written nothing.`
            : `${counted(wrote, 'open transaction')} ${wrote === 1 ? 'has' : 'have'} written: what ${wrote === 1 ? 'it' : 'they'} wrote is rolled back.`,
        ]),
    ...(aborted === 0
      ? []
      : [`${counted(aborted, 'aborted transaction')} ${aborted === 1 ? 'is' : 'are'} rolled back already.`]),
  ];
}

function hasTransaction({state}: Backend): boolean {
  return state !== null && state !== 'idle' && state !== 'disabled' && state !== 'starting';
}

/** SyncRepWaitForLSN in syncrep.c: both only end the wait; the commit is on this server's disk. */
function committedEffect(pid: number, ending: Ending): string {
  const client =
    ending === 'end'
      ? 'its client loses the connection and does not learn that'
      : 'its client gets a success, with a warning';
  return `${pid} waits for a synchronous standby (SyncRep): its transaction is committed here and cannot be rolled back. It becomes visible without its standby, and is lost if this server is; ${client}.`;
}

function isCommitted({wait_event}: Backend): boolean {
  return wait_event === 'SyncRep';
}

/** What a build or maintenance leaves that is stopped half-way. */
function unfinishedWork({pid, query, state}: Backend, facts: SessionFacts | undefined): string | null {
  const build = facts?.index_builds.find(each => each.pid === pid);
  if (build !== undefined) {
    const {command, index, phase, done_ratio, waits_for} = build;
    const done = done_ratio === null ? '' : `, ${formatRatio(done_ratio, 0)} done`;
    const waits = waits_for === null ? '' : `, waiting for session ${waits_for}`;
    return `${pid} runs ${command} of ${index ?? 'an index'} (${phase}${done}${waits}). ${leftBy(command)}`;
  }
  const statement = redactLiterals(query ?? '');
  if (state !== 'active' || !maintenance.test(statement)) return null;
  return `${pid} runs ${statementName(statement)}. ${leftBy(statement)}`;
}

const maintenance =
  /^(?:vacuum|cluster|repack|reindex|create\s+(?:unique\s+)?index|refresh\s+materialized\s+view)\b/i;

function leftBy(command: string): string {
  if (/^(?:create|reindex)\b.*\bconcurrently\b/is.test(command))
    return 'If stopped, it leaves an INVALID index, which every write maintains: recipe repair-invalid-indexes.';
  return /^vacuum\b(?!\s*(?:full|\([^)]*\bfull\b))/i.test(command)
    ? 'If stopped, it starts over next time; rows that it has removed stay removed.'
    : 'If stopped, its work is lost.';
}

/** How much a transaction loses, as far as it shows: the rows of a COPY, else the tables. */
function writtenWork({pid, backend_xid}: Backend, facts: SessionFacts | undefined): string | null {
  const copy = facts?.copies?.find(each => each.pid === pid);
  if (copy !== undefined) {
    const {command, relation, rows, done_ratio} = copy;
    const done = done_ratio === null ? '' : ` (${formatRatio(done_ratio, 0)} of its input)`;
    const lost = command === 'COPY FROM' ? 'they are rolled back' : 'its client has a part';
    return `${pid} runs ${command} of ${relation ?? 'a query'}, ${formatCount(rows)} rows so far${done}: ${lost}.`;
  }
  const tables = backend_xid === null ? undefined : facts?.written?.find(each => each.pid === pid)?.tables;
  return tables === undefined
    ? null
    : `${pid} wrote to ${tables.join(', ')}, or tried to: how many rows cannot be seen.`;
}

function tempTables({pid}: Backend, facts: SessionFacts | undefined): string | null {
  const own = facts?.temp_tables?.find(each => each.pid === pid);
  if (own === undefined) return null;
  const rest = own.count - own.names.length;
  return `${pid} has ${counted(own.count, 'temporary table')} (${own.names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}; ${formatBytes(own.bytes)}), which ${own.count === 1 ? 'ends' : 'end'} with it.`;
}

function lockEffect(session: Backend, ending: Ending, facts: SessionFacts | undefined): string | null {
  const locks = heldLocks(session, facts);
  if (locks === null) return null;
  // pg_locks does not tell pg_advisory_lock() from pg_advisory_xact_lock().
  return ending === 'end'
    ? `${session.pid} holds ${locks}: released, another session can take it immediately.`
    : `${session.pid} holds ${locks}: one taken for the transaction is released, one taken for the session stays.`;
}

/** `advisory lock 4242`; `advisory lock 72707369 (Prisma Migrate) and 2 more`. */
function heldLocks({pid}: Backend, facts: SessionFacts | undefined): string | null {
  const holder = facts?.advisory_locks.find(each => each.pid === pid);
  if (holder === undefined) return null;
  const [first = 'an advisory lock'] = holder.names;
  return holder.count === 1 ? first : `${first} and ${holder.count - 1} more`;
}

function unseen(sessions: readonly Backend[], facts: SessionFacts | undefined): string[] {
  const pooled = sessions.filter(session => poolerOf(session) !== null);
  const [first] = pooled;
  return [
    ...(first === undefined
      ? []
      : [
          `${counted(pooled.length, 'session')} ${pooled.length === 1 ? 'is a server connection' : 'are server connections'} of ${poolerOf(first)}: the client that uses one just then gets an error, and the pooler opens another.`,
        ]),
    `${facts?.temp_tables === undefined ? 'Temporary tables' : 'Temporary tables of other databases'}, settings, prepared statements and LISTEN of a session cannot be seen, and end with it.`,
  ];
}

function isListening({query}: Backend): boolean {
  return /^\s*listen\b/i.test(query ?? '');
}

/**
 * The pooler that the application_name names; null if none is known. PgBouncer sets none of its own: its `application_name` for
 * server connections is the client's, or what its configuration says.
 */
export function poolerOf({application_name}: Pick<Backend, 'application_name'>): string | null {
  return (
    /\b(?:pgbouncer|supavisor|pgcat|odyssey|pgpool(?:-ii)?|pgdog)\b/i.exec(application_name)?.[0] ?? null
  );
}

const mostDescribed = 5;

function aboutEach(sessions: readonly Backend[], describe: (session: Backend) => string | null): string[] {
  const lines = sessions.flatMap(session => describe(session) ?? []);
  const rest = lines.length - mostDescribed;
  return rest > 1 ? [...lines.slice(0, mostDescribed), `The same is true of ${rest} more.`] : lines;
}
