import type {Act, Confidence, Finding} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {groupBy} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {protectionOf, subjectOf} from '../../sessions/protection.ts';
import {clientOf} from '../../sessions/session-parameters.ts';
import {counted, formatAge} from '../../text/format.ts';
import {type Context, poolName, poolSubject} from '../context.ts';
import {endLeaksAct, leakEvidence, leakedText, leakReasons, leaksOf, timeoutAct} from './pools-leaks.ts';
import {addressesOf, advice, endAct, longestMs, roundAgeMs, shortestMs} from './slots-acts.ts';

/** What can run out of connections: the server, or a role or database with a limit of its own. */
export type Space = {
  kind: 'server' | 'role' | 'database';
  name: string;
  limit: number;
  used: number;
  /** Its sessions that this role may see, by application and role. */
  holders: [Backend, ...Backend[]][];
};

/** What takes connections that it does not need. */
export type Cause = {
  cause: string;
  /** Connections that it accounts for. */
  slots: number;
  /** How sure it is that these are too many: idle pools may be meant so, a leak never is. 0: nothing is. */
  weight: number;
  is_growing?: boolean;
  subject: string;
  /** What comes before the symptom in the summary; after it where nothing is too much. */
  text: string;
  explains: string[];
  confidence: Confidence;
  reasons: string[];
  evidence: Finding['evidence'];
  acts: [Act, ...Act[]];
};

/** Sessions left in a transaction; while slots are short, after ten seconds. */
export function leaks(context: Context, {holders}: Space): Cause[] {
  const inSpace = new Set(holders.flat());
  return leaksOf(context, thresholds.leak_while_short_ms.warning)
    .filter(({sessions}) => inSpace.has(sessions[0]))
    .map(leak => {
      const [first] = leak.sessions;
      const isOld = longestMs(leak.sessions) > thresholds.longest_idle_in_transaction_ms.warning;
      return {
        cause: 'leaked-sessions',
        slots: leak.sessions.length,
        weight: 3,
        is_growing: hasGrown(context, first, leak.sessions.length),
        subject: poolSubject(first),
        text: leakedText(leak),
        explains: leak.sessions.map(({pid}) => subjectOf(pid)),
        confidence: isOld ? 'certain' : 'possible',
        reasons: leakReasons(context, leak),
        evidence: leakEvidence(leak),
        acts: [endLeaksAct(leak), timeoutAct(first, thresholds.longest_idle_in_transaction_ms.warning)],
      };
    });
}

/** It had fewer transactions open that long at the beginning of the window. */
function hasGrown({samples}: Context, {application_name, usename}: Backend, now: number): boolean {
  const [first] = samples;
  const before = first?.transactions.filter(
    each =>
      each.application_name === application_name &&
      each.usename === (usename ?? '') &&
      each.idle_ms > thresholds.leak_while_short_ms.warning,
  );
  return samples.length > 1 && (before?.length ?? 0) < now;
}

/** Client addresses of an application that run nothing while its other addresses work: those of clients that are gone. */
export function silentClients({snapshot}: Context, {holders}: Space): Cause[] {
  const {silent_client_ms, silent_times, idle_ms} = thresholds;
  return holders.flatMap(own => {
    const byAddress = groupBy(own, clientOf);
    // Behind a pooler or on a socket all clients share one address.
    if (byAddress.size < 2 || own.some(({state}) => state === null)) return [];
    const silences = [...byAddress.values()].map(sessions => ({sessions, silent_ms: silenceMs(sessions)}));
    const working = silences.filter(({silent_ms}) => silent_ms < silent_client_ms.warning);
    const usual_ms = Math.max(0, ...working.map(({silent_ms}) => silent_ms));
    const least_ms = Math.max(silent_client_ms.warning, usual_ms * silent_times.warning);
    const silent = silences.filter(
      ({sessions, silent_ms}) =>
        silent_ms >= least_ms && sessions.every(each => protectionOf(each, snapshot, false) === null),
    );
    const [first, ...others] = silent.flatMap(({sessions}) => sessions);
    if (working.length === 0 || first === undefined) return [];
    const sessions = [first, ...others];
    const addresses = addressesOf(sessions);
    const silent_ms = shortestMs(sessions);
    const clients = counted(silent.length, 'client');
    return {
      cause: 'silent-clients',
      slots: sessions.length,
      weight: 3,
      subject: poolSubject(first),
      text: `${clients} of ${poolName(first)} ${silent.length === 1 ? 'has' : 'have'} been silent for ${formatAge(silent_ms)} and ${silent.length === 1 ? 'holds' : 'hold'} ${counted(sessions.length, 'slot')}, ${counted(working.length, 'other')} ${working.length === 1 ? 'works' : 'work'}`,
      explains: sessions.map(({pid}) => subjectOf(pid)),
      confidence: silent_ms >= idle_ms.warning ? 'likely' : 'possible',
      reasons: [
        `Silent: ${addresses.join(', ')}, ${counted(sessions.length, 'session')}; none of them has run anything for ${formatAge(silent_ms)}.`,
        `At work: ${addressesOf(working.flatMap(each => each.sessions)).join(', ')}; each ran something in the last ${formatAge(Math.max(1000, usual_ms))}.`,
        'The server notices that a client is gone when TCP keepalive gives up, after more than two hours by default.',
      ],
      evidence: {
        application_name: first.application_name,
        usename: first.usename,
        sessions: sessions.length,
        silent_clients: silent.length,
        working_clients: working.length,
        silent_ms,
      },
      acts: [
        endAct(sessions, {
          older_than_ms: roundAgeMs(sessions),
          clients: addresses,
          title: `terminate the ${counted(sessions.length, 'session')} of ${addresses.join(', ')}`,
          costs:
            'a client that is alive after all opens new ones; sessions of the other clients are not touched',
        }),
        advice(
          'set tcp_keepalives_idle (60 s) and, from PostgreSQL 14, client_connection_check_interval on the server',
          'the server then ends sessions of clients that are gone by itself',
        ),
      ],
    };
  });
}

/** Time since any of them has done something. A session that works has no silence. */
function silenceMs(sessions: readonly Backend[]): number {
  return Math.min(...sessions.map(({state, state_age_ms}) => (state === 'active' ? 0 : (state_age_ms ?? 0))));
}
