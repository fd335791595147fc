import {expect, it} from 'vitest';
import {dutyOf, effectsOf, sharedByClients} from '../../../source/core/sessions/effect-of-ending.ts';
import type {SessionFacts} from '../../../source/model/recipe-data.ts';
import type {Backend} from '../../../source/model/snapshot.ts';
import {createBackend} from '../../helpers/snapshot.ts';

const nothing: SessionFacts = {advisory_locks: [], index_builds: []};
const lock = (names: string[], count = names.length): SessionFacts => ({
  ...nothing,
  advisory_locks: [{pid: 1, count, names}],
});
const building = (command: string, waits_for: number | null): SessionFacts => ({
  ...nothing,
  index_builds: [
    {pid: 1, command, index: 'public.a_idx', phase: 'scanning table', done_ratio: 0.4, waits_for},
  ],
});
const session = (overrides: Partial<Backend>) => createBackend({pid: 1, ...overrides});
const open = {state: 'idle in transaction'} as const;
const running = {state: 'active', wait_event_type: null, wait_event: null} as const;
const atCommit = {state: 'active', wait_event: 'SyncRep', backend_xid: '9', query: 'COMMIT'} as const;

const lost =
  'Temporary tables, settings, prepared statements and LISTEN of a session cannot be seen, and end with it.';
const process =
  "A pool of node-postgres without a listener for 'error' ends its process when an idle connection is closed.";
const checkedOut =
  "A client of node-postgres that is checked out (pool.connect()) ends its process unless it has a listener for 'error' of its own.";
const cancelled = 'The client gets an error (57014) and its transaction is aborted; the session stays.';
const unwritten = 'The open transaction has written nothing.';

it.each<[string, 'end' | 'cancel', Partial<Backend>, SessionFacts, string[]]>([
  ['idle', 'end', {}, nothing, ['It has no transaction open: nothing is rolled back.', process, lost]],
  ['in a transaction', 'end', open, nothing, [unwritten, checkedOut, lost]],
  [
    'in a transaction that has written',
    'end',
    {...open, backend_xid: '7'},
    nothing,
    ['1 open transaction has written: what it wrote is rolled back.', checkedOut, lost],
  ],
  [
    'in an aborted transaction',
    'end',
    {state: 'idle in transaction (aborted)'},
    nothing,
    ['1 aborted transaction is rolled back already.', checkedOut, lost],
  ],
  ['at work', 'cancel', running, nothing, [cancelled, unwritten]],
  [
    'in a procedure',
    'cancel',
    {...running, query: 'CALL archive()'},
    nothing,
    [cancelled, unwritten, 'What a procedure has committed before stays.'],
  ],
  [
    'at a commit that waits for its standby, cancelled',
    'cancel',
    atCommit,
    nothing,
    [
      '1 waits for a synchronous standby (SyncRep): its transaction is committed here and cannot be rolled back. It becomes visible without its standby, and is lost if this server is; its client gets a success, with a warning.',
    ],
  ],
  [
    'at a commit that waits for its standby, ended',
    'end',
    atCommit,
    nothing,
    [
      expect.stringMatching(/cannot be rolled back\. .*its client loses the connection/) as never,
      checkedOut,
      lost,
    ],
  ],
  [
    'with an advisory lock',
    'end',
    open,
    lock(['advisory lock 4242']),
    [
      unwritten,
      '1 holds advisory lock 4242: released, another session can take it immediately.',
      checkedOut,
      lost,
    ],
  ],
  [
    'at work with advisory locks',
    'cancel',
    running,
    lock(['advisory lock 1', 'advisory lock 2', 'advisory lock 3'], 40),
    [
      cancelled,
      unwritten,
      '1 holds advisory lock 1 and 39 more: one taken for the transaction is released, one taken for the session stays.',
    ],
  ],
  [
    'in a concurrent build',
    'cancel',
    running,
    building('CREATE INDEX CONCURRENTLY', 55),
    [
      cancelled,

      '1 runs CREATE INDEX CONCURRENTLY of public.a_idx (scanning table, 40% done, waiting for session 55). If stopped, it leaves an INVALID index, which every write maintains: recipe repair-invalid-indexes.',
    ],
  ],
  [
    'in a build',
    'cancel',
    running,
    building('CREATE INDEX', null),
    [
      cancelled,

      '1 runs CREATE INDEX of public.a_idx (scanning table, 40% done). If stopped, its work is lost.',
    ],
  ],
  [
    'in a VACUUM',
    'cancel',
    {...running, query: 'VACUUM (VERBOSE) orders'},
    nothing,
    [
      cancelled,

      '1 runs VACUUM orders. If stopped, it starts over next time; rows that it has removed stay removed.',
    ],
  ],
  [
    "of a pooler's",
    'end',
    {...open, application_name: 'pgbouncer'},
    nothing,
    [
      unwritten,
      '1 session is a server connection of pgbouncer: the client that uses one just then gets an error, and the pooler opens another.',
      lost,
    ],
  ],
])('says what it does to a session that is %s (%s)', (_, ending, of, facts, expected) => {
  expect(effectsOf(ending, [session(of)], facts)).toEqual(expected);
});

it('counts several, and names no more than five', () => {
  const pids = [1, 2, 3, 4, 5, 6, 7];
  const facts = {...nothing, advisory_locks: pids.map(pid => ({pid, count: 1, names: ['advisory lock 9']}))};
  const sessions = pids.map(pid => session({pid, ...(pid < 4 ? {...open, backend_xid: '8'} : {})}));
  expect(effectsOf('end', sessions, facts)).toEqual([
    '3 open transactions have written: what they wrote is rolled back.',
    '4 sessions of them have no transaction open.',
    ...pids
      .slice(0, 5)
      .map(pid => `${pid} holds advisory lock 9: released, another session can take it immediately.`),
    'The same is true of 2 more.',
    process,
    checkedOut,
    lost,
  ]);
});

it.each<[Partial<Backend>, SessionFacts, string | null]>([
  [{}, nothing, null],
  [{pid: 2}, lock(['advisory lock 4242']), null],
  [{}, lock(['advisory lock 4242']), 'it holds advisory lock 4242'],
  [atCommit, nothing, 'its transaction is committed and waits for a synchronous standby (SyncRep)'],
  [{query: 'listen "jobs"'}, nothing, 'it listens for notifications (LISTEN)'],
  [{query: 'SELECT listen FROM a'}, nothing, null],
])('knows the duty of a session: %j', (of, facts, expected) => {
  expect(dutyOf(session(of), facts)).toBe(expected);
});

it('takes an idle session of a pooler for shared, and one in a transaction for that of one client', () => {
  const pooled = session({application_name: 'PgBouncer 1.23'});
  expect(sharedByClients(pooled)).toBe('it is a server connection of PgBouncer, which clients share');
  expect(sharedByClients({...pooled, ...open})).toBeNull();
  expect(sharedByClients(session({application_name: 'shop'}))).toBeNull();
});
