import type {Act} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {writeText} from '../../recipe/parameters.ts';
import {isActive, isIdleInTransaction} from '../../sessions/session.ts';
import {quoteIdentifier} from '../../sql/quote.ts';
import {counted} from '../../text/format.ts';
import {writeDuration} from '../../text/time.ts';
import {type Context, poolName} from '../context.ts';
import {addressesOf, advice, tuneAct} from './slots-acts.ts';
import type {Cause, Space} from './slots-causes.ts';

/**
 * Nothing that can be seen is too much yet: who holds most, and what it does. An application with many sessions idle in
 * transaction is named first: if they stay so, it leaks them.
 */
export function serverCause({snapshot}: Context, {holders}: Space, least: number): Cause {
  const inTransaction = (own: readonly Backend[]) => own.filter(isIdleInTransaction).length;
  const [suspect] = holders
    .filter(own => inTransaction(own) >= least)
    .sort((a, b) => inTransaction(b) - inTransaction(a));
  const named = suspect ?? holders[0];
  return {
    cause: 'slots-nearly-full',
    slots: named?.length ?? 0,
    weight: 0,
    subject: 'server',
    text: named === undefined ? 'sessions of other users' : `${holderText(named)}, ${doingText(named)}`,
    explains: [],
    confidence: 'possible',
    reasons: [
      suspect === undefined
        ? 'No session is leaked, no client is silent and no pool has many unused sessions: the applications use what they hold.'
        : `No transaction has been idle for ${writeDuration(thresholds.leak_while_short_ms.warning)} yet: those of ${poolName(suspect[0])} are leaked if they stay.`,
      ...holders.slice(0, 4).map(own => `${holderText(own)}: ${doingText(own)}.`),
    ],
    evidence: {
      application_name: named?.[0].application_name ?? null,
      usename: named?.[0].usename ?? null,
      sessions: named?.length ?? null,
      sessions_waiting_for_locks: snapshot.lock_waits.length,
    },
    acts: [serverAct(named)],
  };
}

function serverAct(named: Space['holders'][number] | undefined): Act {
  if (named === undefined)
    return advice('grant this role pg_read_all_stats', 'without it other users stay hidden');
  return tuneAct(
    named[0].usename ?? '',
    {instances: addressesOf(named).length},
    {
      title: `size the pools of ${poolName(named[0])}, or put a pooler in front`,
      costs: 'applies when the application restarts; more concurrent requests wait in its pool',
    },
  );
}

/** The server refuses connections beyond a role's or database's own limit, even if slots are free. */
export function ownLimitCause({snapshot}: Context, {kind, name, limit, used, holders}: Space): Cause {
  const held = holders.slice(0, 3).map(holderText);
  const own = holders.flat();
  const idle = own.filter(({state}) => state === 'idle').length;
  return {
    cause: `${kind}-limit`,
    slots: used,
    weight: 0,
    subject: `${kind}:${name}`,
    text: `${held.join(', ')}, ${idle} of them idle`,
    explains: [`${kind}:${name}`],
    confidence: 'certain',
    reasons: [
      `${counted(used, 'session')} of at most ${limit}; the server has ${counted(snapshot.budget.headroom, 'free slot')}: freeing slots of other roles would not help.`,
      ...holders.slice(0, 4).map(each => `${holderText(each)}: ${doingText(each)}.`),
    ],
    evidence: {kind, name, idle},
    acts: [raiseAct(kind, name), ...tuneIdle(holders, limit)],
  };
}

function raiseAct(kind: Space['kind'], name: string): Act {
  if (kind === 'role')
    return {
      recipe: 'tune-connection-limit',
      params: {role: writeText(name), apply: 'role'},
      title: `set the CONNECTION LIMIT of role ${name} to what fits`,
      frees: 'logins succeed immediately',
      costs: 'takes from the slots of the others; undo sets the old limit again',
    };
  return advice(
    `ALTER DATABASE ${quoteIdentifier(name)} CONNECTION LIMIT n`,
    'takes from the slots of the other databases',
  );
}

function tuneIdle([largest]: Space['holders'], limit: number): Act[] {
  if (largest === undefined || limit === 0) return [];
  const [first] = largest;
  const instances = addressesOf(largest).length;
  const connection_limit = Math.max(1, Math.floor((limit * 0.8) / instances));
  return [
    tuneAct(
      first.usename ?? '',
      {instances, connection_limit},
      {
        title: `give the pools of ${poolName(first)} ${counted(connection_limit, 'connection')} each, for ${counted(instances, 'client')}`,
        costs: 'applies when the application restarts; more concurrent requests wait in its pool',
      },
    ),
  ];
}

function holderText([first, ...others]: [Backend, ...Backend[]]): string {
  return `${poolName(first)} has ${1 + others.length}`;
}

/** `12 active (9 wait for locks), 3 idle`. */
function doingText(own: readonly Backend[]): string {
  const active = own.filter(isActive);
  const waiting = active.filter(({wait_event_type}) => wait_event_type === 'Lock').length;
  const idle = own.filter(({state}) => state === 'idle').length;
  return [
    `${active.length} active${waiting === 0 ? '' : ` (${waiting} wait for locks)`}`,
    `${idle} idle`,
    ...(own.length > active.length + idle ? [`${own.length - active.length - idle} in transaction`] : []),
  ].join(', ');
}
