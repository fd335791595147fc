import type {Sample} from '../../../model/assessment.ts';
import type {Act, Finding} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {sharedByClients} from '../../sessions/effect-of-ending.ts';
import {protectionOf} from '../../sessions/protection.ts';
import {counted, formatAge} from '../../text/format.ts';
import {type Context, poolName, poolSubject} from '../context.ts';
import {addressesOf, endAct, roundAgeMs, shortestMs, tuneAct} from './slots-acts.ts';
import type {Cause, Space} from './slots-causes.ts';

/** An application's pools: what they hold, what they have not used lately, and the most that were busy at the same time. */
type IdlePool = {
  sessions: [Backend, ...Backend[]];
  unused: [Backend, ...Backend[]];
  busiest: number;
  needed: number;
};

/** Pools that hold more connections than they use: most of the idle ones could be given up. */
export function idlePools(context: Context, {holders, limit}: Space): Cause[] {
  const {idle_group_ratio, idle_group_sessions} = thresholds;
  const least = Math.max(idle_group_sessions.warning, limit * idle_group_ratio.warning);
  const pools = holders
    .flatMap(own => idlePool(context, own) ?? [])
    .sort((a, b) => excessOf(b) - excessOf(a));
  const [largest] = pools;
  const excess = pools.reduce((sum, pool) => sum + excessOf(pool), 0);
  if (largest === undefined || excess < least) return [];
  const named = pools.filter(pool => excessOf(pool) >= excessOf(largest) / 3).slice(0, mostNamed);
  const unused = named.flatMap(pool => pool.unused);
  const sum = (read: (pool: IdlePool) => number) => named.reduce((total, pool) => total + read(pool), 0);
  return [
    {
      cause: 'idle-pools',
      slots: excess,
      weight: 1,
      subject: poolSubject(largest.sessions[0]),
      text: `${namesOf(named)} ${named.length === 1 ? 'holds' : 'hold'} ${counted(unused.length, 'connection')} unused for ${formatAge(shortestMs(unused))} or more, of ${sum(({sessions}) => sessions.length)}`,
      explains: [],
      confidence: context.samples.length >= 20 ? 'likely' : 'possible',
      reasons: named.map(
        pool =>
          `${poolName(pool.sessions[0])}: ${counted(pool.sessions.length, 'session')} of ${counted(addressesOf(pool.sessions).length, 'client')}, ${pool.unused.length} unused for ${formatAge(shortestMs(pool.unused))} or more, at most ${pool.busiest} busy in ${counted(context.samples.length, 'snapshot')}: ${pool.needed} would do.`,
      ),
      evidence: evidenceOf(largest, context),
      acts: [tunePool(largest), ...named.slice(0, 2).flatMap(endUnused), ...named.slice(1, 2).map(tunePool)],
    },
  ];
}

const mostNamed = 4;

function excessOf({sessions, needed}: IdlePool): number {
  return sessions.length - needed;
}

/** null: it uses them, or none of its sessions may be ended. */
function idlePool({snapshot, samples}: Context, sessions: [Backend, ...Backend[]]): IdlePool | null {
  const [first, ...others] = sessions.filter(
    backend =>
      backend.state === 'idle' &&
      (backend.state_age_ms ?? 0) >= thresholds.unused_session_ms.warning &&
      protectionOf(backend, snapshot, false) === null,
  );
  if (first === undefined) return null;
  const busiest = mostBusy(samples, first);
  const unused: IdlePool['unused'] = [first, ...others];
  // Each client has a pool, with one connection at least.
  const clients = addressesOf(sessions).length;
  const needed = Math.max(clients, Math.ceil(busiest * margin), sessions.length - unused.length);
  return needed < sessions.length ? {sessions, unused, busiest, needed} : null;
}

/** The most sessions of this application and role that were not idle at the same time. Loops, because every reading asks for each pool. */
function mostBusy(samples: readonly Sample[], {application_name, usename}: Backend): number {
  let most = 0;
  for (const {pools} of samples) {
    let busy = 0;
    for (const pool of pools)
      if (pool.application_name === application_name && pool.usename === (usename ?? ''))
        busy += pool.sessions - pool.idle;
    most = Math.max(most, busy);
  }
  return most;
}

/** Half as many again as were busy at the same time. */
const margin = 1.5;

function namesOf(pools: readonly IdlePool[]): string {
  const [last = '', ...before] = pools.map(({sessions: [first]}) => poolName(first)).reverse();
  return before.length === 0 ? last : `${before.reverse().join(', ')} and ${last}`;
}

function evidenceOf({sessions, unused, busiest, needed}: IdlePool, {samples}: Context): Finding['evidence'] {
  const [{application_name, usename}] = sessions;
  return {
    application_name,
    usename,
    sessions: sessions.length,
    unused: unused.length,
    busiest,
    needed,
    readings: samples.length,
    clients: addressesOf(sessions).length,
  };
}

function tunePool({sessions, needed}: IdlePool) {
  const [first] = sessions;
  const instances = addressesOf(sessions).length;
  const connection_limit = Math.max(1, Math.ceil(needed / instances));
  return tuneAct(
    first.usename ?? '',
    {instances, connection_limit},
    {
      title: `give the pools of ${poolName(first)} ${counted(connection_limit, 'connection')} each, for ${counted(instances, 'client')}`,
      costs: 'applies when the application restarts; more concurrent requests than that wait in its pool',
    },
  );
}

/** None for a pooler, whose clients share them. */
function endUnused({unused}: IdlePool): Act[] {
  const [first] = unused;
  if (sharedByClients(first) !== null) return [];
  const act = endAct(unused, {
    older_than_ms: roundAgeMs(unused),
    title: `terminate the unused sessions of ${poolName(first)}`,
    costs: 'they are free until the application opens them again, which its pools do under load',
  });
  return [act];
}
