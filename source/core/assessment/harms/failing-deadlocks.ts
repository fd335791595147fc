import type {Sample} from '../../../model/assessment.ts';
import type {Finding} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {counted} from '../../text/format.ts';
import {averageOf, type Context, heldSince, poolName, poolSubject, shareOf} from '../context.ts';
import {poolIn} from '../sample.ts';
import {advice, distinct} from './failing-part.ts';
import {quietMs, recentOf} from './failing-signs.ts';

const {deadlocks_per_minute} = thresholds;

/**
 * Deadlocks, with the applications that wait for locks meanwhile. Where there is one a second, sessions wait mostly until the server has
 * ended one of them: what waits for those rows is explained by them.
 */
export function examineDeadlocks(context: Context): Finding[] {
  const {samples} = context;
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || first === last) return [];
  const minutes = (last.at_ms - first.at_ms) / 60_000;
  const countOf = ({datname, deadlocks}: Sample['databases'][number]) => {
    const before = first.databases.find(each => each.datname === datname)?.deadlocks;
    return before === undefined ? 0 : deadlocks - before;
  };
  const isInSeveral = last.databases.filter(each => countOf(each) > 0).length > 1;
  return last.databases.flatMap(database => {
    const {datname} = database;
    const count = countOf(database);
    if (count < deadlocks_per_minute.warning || minutes <= 0 || isOver(datname, count, samples)) return [];
    const waiting = samples
      .flatMap(({pools}) => pools)
      .filter(pool => pool.datname === datname && pool.waiting_for_lock > 0);
    const pools = distinct(waiting);
    const waitsIn = (sample: Sample) =>
      sample.waits.filter(({pool}) => poolIn(sample, pool)?.datname === datname);
    const isWaiting = (sample: Sample) => waitsIn(sample).length > 0;
    const objects = [...new Set(samples.flatMap(sample => waitsIn(sample).map(({object}) => object)))];
    const isOften = deadlocksPerSecond(datname, recentOf(samples)) * 60 >= deadlocks_per_minute.critical;
    return [
      {
        recipe: 'deadlocks',
        severity: isOften ? ('critical' as const) : ('warning' as const),
        subject: `database:${datname}/deadlocks`,
        summary: `${counted(count, 'deadlock')} in database ${datname} in ${Math.round(minutes * 60)} s${pools.length > 0 ? `: ${pools.slice(0, 2).map(poolName).join(' and ')} lock in different orders` : ''}${objects.length > 0 ? ` (${objects.slice(0, 2).join(', ')})` : ''}`,
        evidence: {database: datname, deadlocks: count},
        harm: {
          kind: 'failing' as const,
          sessions: averageOf(samples, sample =>
            waitsIn(sample).reduce((sum, {waiting: each}) => sum + each, 0),
          ),
          share: shareOf(samples, isWaiting),
          since: heldSince(samples, isWaiting) ?? null,
        },
        cause: 'deadlocks',
        explains: isOften ? [...objects.flatMap(subjectsOf), ...pools.map(poolSubject)] : [],
        confidence: 'likely' as const,
        reasons: [
          'Each deadlock rolls back one transaction (40P01) after deadlock_timeout; the server log shows both statements.',
          ...loggedReport(context, isInSeveral),
        ],
        acts: [
          advice(
            'lock rows in one order (ORDER BY the key before FOR UPDATE, or sort a batch), and retry 40P01',
            {
              frees: null,
              costs: 'an application change; ending sessions would not help',
            },
          ),
        ],
      },
    ];
  });
}

/** None for ten seconds, and for far longer than from one to the next before. */
function isOver(datname: string, count: number, samples: readonly Sample[]): boolean {
  const read = samples.flatMap(({at_ms, databases}) => {
    const found = databases.find(each => each.datname === datname);
    return found === undefined ? [] : [{at_ms, deadlocks: found.deadlocks}];
  });
  const [first, last] = [read[0], read.at(-1)];
  if (first === undefined || last === undefined) return true;
  const latest_ms = read.find(({deadlocks}) => deadlocks === last.deadlocks)?.at_ms ?? last.at_ms;
  const usual_ms = (latest_ms - first.at_ms) / count;
  return last.at_ms - latest_ms > Math.max(quietMs, usual_ms * 3);
}

/** The last deadlock of the server's log within the readings: who waited for what, with which statement. The log does not say where. */
function loggedReport({facts, samples}: Context, isInSeveral: boolean): string[] {
  const [from_ms, to_ms] = [samples[0]?.at_ms ?? Infinity, samples.at(-1)?.at_ms ?? 0];
  const isWithin = (at: string | null) => at !== null && Date.parse(at) >= from_ms && Date.parse(at) <= to_ms;
  const report = facts.server_log?.deadlocks.findLast(({at}) => isWithin(at));
  const source = isInSeveral ? 'The last one in the server log, perhaps of another database' : 'Server log';
  return (report?.processes ?? []).map(
    ({pid, waits_for, blocked_by, statement}) =>
      `${source}: ${pid} waits for ${waits_for}, blocked by ${blocked_by}${statement === null ? '' : `: ${[...statement].slice(0, 200).join('')}`}`,
  );
}

export function deadlocksPerSecond(datname: string, samples: readonly Sample[]): number {
  const [first, last] = [samples[0], samples.at(-1)];
  const before = first?.databases.find(each => each.datname === datname)?.deadlocks;
  const after = last?.databases.find(each => each.datname === datname)?.deadlocks;
  const seconds = ((last?.at_ms ?? 0) - (first?.at_ms ?? 0)) / 1000;
  return before === undefined || after === undefined || seconds <= 0 ? 0 : (after - before) / seconds;
}

/** Of findings about sessions that wait for it. */
function subjectsOf(object: string): string[] {
  const table = object.replace(/^.*\bof /, '');
  return [`lock:${object}`, `relation:${table}`, `relation:${table}/row`];
}
