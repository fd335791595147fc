import type {PoolSample} from '../../../model/assessment.ts';
import type {Act, Finding} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {groupBy} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {seenInstances} from '../../pool/seen.ts';
import {isActive} from '../../sessions/session.ts';
import {clientOf} from '../../sessions/session-parameters.ts';
import {counted, formatMs, formatRatio} from '../../text/format.ts';
import {type Context, heldSince, type PoolHistory, poolName, poolSubjectIn} from '../context.ts';
import {poolIn} from '../sample.ts';
import {fullPart, queueText} from './pools-full.ts';
import {isBusy, meanExecMs, statementText} from './pools-readings.ts';
import {advice, tuneAct} from './slots-acts.ts';

/**
 * Requests of an application wait for a session while the server has free slots. Why its statements take long is
 * the finding of another examination: of the waiting, or of the statement that most of its sessions run.
 */
export function saturatedPool(context: Context, history: PoolHistory): Finding | null {
  const {last, samples} = history;
  const {budget} = context.snapshot;
  const part = budget.used_ratio < thresholds.used_ratio.warning ? fullPart(context, history) : null;
  if (part === null) return null;
  const {instance, sessions, share} = part;
  const subject = poolSubjectIn(context, last);
  const main = mainStatement(sessions);
  const mean_ms = main === null ? null : meanExecMs(context.snapshot, main.query_id);
  const free = `${counted(budget.headroom, 'slot')} of the server ${budget.headroom === 1 ? 'is' : 'are'} free`;
  const reported = instance === null && last.reported?.waiting ? last.reported : undefined;
  const idle = reported === undefined ? 0 : idleInUse(sessions);
  const elsewhere = last.sessions - sessions.length;
  const isFull = (pool: PoolSample | undefined) =>
    instance === null ? isFullPool(pool) : isBusyAt(instance, pool);
  const at = instance === null ? '' : ` at ${clientOf(instance)}`;
  const full =
    reported === undefined
      ? `the pool of ${poolName(last)}${at} is full: all ${sessions.length} sessions busy in ${formatRatio(share, 0)} of ${samples.length} snapshots`
      : `${poolName(last)}: ${queueText(reported)}`;
  return {
    recipe: main === null ? 'tune-connection-limit' : 'pool-saturated',
    severity: 'warning',
    subject,
    summary: `${full}${main === null ? '' : `, ${main.sessions} of them in ${main.text}`}; ${free}`,
    evidence: {
      application_name: last.application_name,
      usename: last.usename,
      sessions: sessions.length,
      ...(instance !== null && {client: clientOf(instance), sessions_elsewhere: elsewhere}),
      busy_ratio: share,
      readings: samples.length,
      headroom: budget.headroom,
      clients: last.clients,
      main_statement: main?.text ?? null,
      ...(reported !== undefined && {
        pool_size: reported.size,
        waiting_requests: reported.waiting,
        wait_p95_ms: reported.wait_p95_ms,
      }),
    },
    cause: 'pool-saturated',
    harm: {
      kind: 'pool',
      // Those that wait in the application cannot be seen, or are no sessions. What makes its statements slow stands above.
      sessions: 0,
      share: samples.filter(({pool}) => isFull(pool)).length / samples.length,
      since: heldSince(context.samples, sample => isFull(poolIn(sample, history.key))) ?? null,
    },
    explains: main?.query_id == null ? [subject] : [`statement:${main.query_id}`],
    confidence: reported === undefined ? 'possible' : 'certain',
    reasons: [
      `${free}: the application's pool is the limit, not the server. Requests beyond it wait in the application (P2024)${reported === undefined ? ', which the server cannot see' : ', which reports them in application_name'}.`,
      ...(elsewhere > 0
        ? [
            `${counted(elsewhere, 'session')} of the application ${elsewhere === 1 ? 'is' : 'are'} not in this pool: those of other instances, or what an earlier pool at its address has left.`,
          ]
        : []),
      ...(main === null
        ? [
            idle > 0
              ? `${idle} of its sessions are idle on the server, though their pools have none free: requests keep connections between their statements.`
              : 'Its sessions run different statements, and few wait for a lock: it has more to do than its pool serves.',
          ]
        : [
            `${main.sessions} of its ${sessions.length} sessions run ${main.text}${mean_ms === null ? '' : `, ${formatMs(mean_ms)} on average`}.`,
          ]),
    ],
    ...actsOf(history, main, {isIdleInUse: idle > 0, isOneOfSeveral: instance !== null}),
  };
}

/** Sessions that their pool has handed out, as it makes requests wait, and that run nothing; 0 if they are the fewer. */
function idleInUse(sessions: readonly Backend[]): number {
  const own = sessions.filter(({pool_report}) => pool_report !== undefined && pool_report.waiting > 0);
  const idle = own.filter(({state}) => state === 'idle').length;
  return idle > own.length / 2 ? idle : 0;
}

function isFullPool(pool: PoolSample | undefined): boolean {
  return pool?.reported?.waiting ? true : isBusy(pool);
}

function isBusyAt({client_addr}: Pick<Backend, 'client_addr'>, pool: PoolSample | undefined): boolean {
  return pool?.busy_instances?.some(each => each.client_addr === client_addr) ?? false;
}

type MainStatement = {text: string; query_id: string | null; sessions: number};

/** The statement that more than half of the sessions run. */
function mainStatement(sessions: readonly Backend[]): MainStatement | null {
  const active = sessions.filter(isActive);
  const groups = groupBy(active, ({query_id, query}) => query_id ?? query ?? '');
  const [most = []] = [...groups.values()].sort((a, b) => b.length - a.length);
  const [first] = most;
  const text = statementText(first?.query ?? null);
  if (first === undefined || text === null || most.length <= sessions.length / 2) return null;
  return {text, query_id: first.query_id, sessions: most.length};
}

function actsOf(
  {last, sessions, counted}: PoolHistory,
  main: MainStatement | null,
  {isIdleInUse, isOneOfSeveral}: {isIdleInUse: boolean; isOneOfSeveral: boolean},
): Pick<Finding, 'acts' | 'params'> {
  const seen = seenInstances(sessions);
  const max_instances = Math.max(counted.instances, Number(seen.instances));
  const tune: Act = tuneAct(
    last.usename,
    {...seen, max_instances, most_busy: counted.most_busy},
    {
      title: `give ${poolName(last)} more connections: the connection_limit that fits`,
      costs: 'more statements at the same time: where CPU or disk is the limit, each takes longer',
    },
  );
  const release = advice(
    'release the connection between the statements of a request, or while it calls something else',
    'an application change; what belongs together stays in one transaction',
  );
  const spread = advice(
    'spread its requests over all instances: the others have free connections',
    'a change of the load balancer, or of what one instance alone does',
  );
  if (main === null) {
    const others = [...(isIdleInUse ? [release] : []), ...(isOneOfSeveral ? [spread] : [])];
    return {params: tune.params, acts: [tune, ...others]};
  }
  const faster = advice(
    `make ${main.text} faster: its plan and waits are in Statements`,
    'nothing else makes the pool serve more requests without more load',
  );
  return {acts: [faster, tune]};
}
