import type {Backend} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {oldestMs, twoGenerations} from '../../pool/revisions.ts';
import {timeOfDay} from '../../text/clock.ts';
import {counted} from '../../text/format.ts';
import {type Context, poolName, poolSubject} from '../context.ts';
import {addressesOf, advice, tuneAct} from './slots-acts.ts';
import type {Cause, Space} from './slots-causes.ts';

export type Wave = {holder: [Backend, ...Backend[]]; per_second: number; sessions: number};

/** Applications that open connections and close them soon. What opens and closes between two readings is not seen. */
export function connectWaves({samples}: Context, holders: Space['holders']): Wave[] {
  const [first, ...later] = samples;
  const seconds = ((samples.at(-1)?.at_ms ?? 0) - (first?.at_ms ?? 0)) / 1000;
  if (later.length < leastReadings || seconds <= 0) return [];
  return holders.flatMap(holder => {
    const [{application_name, usename}] = holder;
    // Of a pool that fills once, the sessions stay.
    const isYoung = ({backend_age_ms}: Backend) => (backend_age_ms ?? Infinity) < shortLivedMs;
    if (holder.filter(isYoung).length < holder.length / 2) return [];
    const readings = later.map(({pools}) => {
      const own = pools.filter(
        pool => pool.application_name === application_name && pool.usename === (usename ?? ''),
      );
      return {
        begun: own.reduce((sum, pool) => sum + pool.begun, 0),
        sessions: own.reduce((sum, pool) => sum + pool.sessions, 0),
      };
    });
    const begun = readings.reduce((sum, each) => sum + each.begun, 0);
    const sessions = Math.max(...readings.map(each => each.sessions));
    const active = readings.filter(each => each.begun > 0).length;
    const isWave =
      begun / seconds >= thresholds.connects_per_second.warning &&
      begun > sessions * 1.5 &&
      active >= readings.length * 0.6;
    return isWave ? {holder, per_second: begun / seconds, sessions} : [];
  });
}

const leastReadings = 4;
const shortLivedMs = 10_000;

export function waveText({holder: [first], per_second}: Wave): string {
  return `${poolName(first)} opens at least ${Math.floor(per_second)} connections/s and closes them: it has no pool`;
}

/** Applications without a pool. */
export function waves(context: Context, {holders}: Space): Cause[] {
  return connectWaves(context, holders).map(wave => {
    const {holder, per_second, sessions} = wave;
    const [first] = holder;
    return {
      cause: 'connect-wave',
      slots: sessions,
      weight: 3,
      subject: poolSubject(first),
      text: waveText(wave),
      explains: [],
      confidence: 'likely',
      reasons: [
        `Seen: ${per_second.toFixed(1)} new sessions/s that were still open at the next snapshot; those that end sooner are not seen.`,
        'Each costs the server a process and a login. Ending them would not help: the next ones follow immediately.',
      ],
      evidence: {
        application_name: first.application_name,
        usename: first.usename,
        sessions,
        new_sessions_per_second: Number(per_second.toFixed(1)),
        clients: addressesOf(holder).length,
      },
      acts: [
        advice(
          `let ${poolName(first)} keep its connections: one pool (one PrismaClient) per process, not one per request`,
          'an application change',
        ),
        tuneAct(
          first.usename ?? '',
          {platform: 'pgbouncer', instances: addressesOf(holder).length},
          {
            title: 'put PgBouncer in front of the server: its settings',
            costs: 'another server to run; in transaction mode sessions have no state',
          },
        ),
      ],
    };
  });
}

/** Two revisions of an application at the same time: sessions of clients that began long apart. */
export function deployOverlap({snapshot}: Context, {holders, limit, used}: Space): Cause[] {
  return holders.flatMap(own => {
    const generations = twoGenerations(own);
    if (generations === null) return [];
    const {before, after, gap_ms} = generations;
    const [first] = own;
    const isEnoughWithoutOne = used - after.length < limit * thresholds.used_ratio.warning;
    if (after.length < before.length / 2 || !isEnoughWithoutOne) return [];
    const began_ms = Date.parse(snapshot.at) - oldestMs(after);
    const [oldClients, newClients] = [addressesOf(before), addressesOf(after)];
    const at = timeOfDay(began_ms);
    const most = Math.max(oldClients.length, newClients.length);
    return {
      cause: 'deploy-overlap',
      slots: Math.min(before.length, after.length),
      weight: 3,
      subject: poolSubject(first),
      text: `${poolName(first)} runs twice since ${at}: ${counted(newClients.length, 'new client')} with ${counted(after.length, 'session')} beside ${oldClients.length} with ${before.length}`,
      explains: [],
      confidence: 'likely',
      reasons: [
        `Sessions of ${oldClients.join(', ')} began ${counted(Math.round(gap_ms / 1000), 'second')} or more before the first of ${newClients.join(', ')}.`,
        `With one revision ${Math.max(before.length, after.length)} of its ${own.length} sessions would be enough: ${used - Math.min(before.length, after.length)} of ${limit} in use.`,
      ],
      evidence: {
        application_name: first.application_name,
        usename: first.usename,
        sessions: own.length,
        old_clients: oldClients.length,
        old_sessions: before.length,
        new_clients: newClients.length,
        new_sessions: after.length,
        new_since: new Date(began_ms).toISOString(),
      },
      acts: [
        tuneAct(
          first.usename ?? '',
          {instances: most, deploy_overlap: 2},
          {
            title: `size the pools of ${poolName(first)} for two revisions at a time: ${most} clients, deploy_overlap 2`,
            costs: 'applies to the next deploy; a smaller pool for each client',
          },
        ),
        advice(
          `stop the old revision (${oldClients.join(', ')}) as soon as the new one serves, or roll the new one back`,
          'its connections are freed when its processes end',
        ),
      ],
    };
  });
}
