import type {Act, Finding, Harm} from '../../../model/recipe.ts';
import {writeText} from '../../recipe/parameters.ts';
import {counted} from '../../text/format.ts';
import {type Context, poolSubject, timeOf} from '../context.ts';
import {writingStatement} from '../writing-statement.ts';
import {
  advice,
  distinct,
  evidenceOf,
  type Failure,
  failing,
  namesOf,
  type Pool,
  rateOf,
  signsOf,
} from './failing-part.ts';
import {rollbacksOf} from './failing-signs.ts';
import {nameError, recentErrors} from './logged.ts';

type WriteOnStandby = Pick<Finding, 'subject' | 'evidence' | 'explains'> & {
  harm: Harm;
  pools: Pool[];
  summary: string;
  signs: string[];
};

/** Of applications that write to a standby so often that the database's rollbacks show it. */
export function failingOnStandby(
  failure: Failure,
  pools: Pool[],
  {explains, logged}: {explains: string[]; logged: string[]},
): Finding {
  return toFinding({
    ...failing(failure, pools),
    pools,
    summary: `${writes(pools)} to a standby: ${rateOf(failure)} fail with 25006 (read-only transaction)`,
    evidence: evidenceOf(failure),
    explains,
    signs: [...signsOf(failure), ...logged],
  });
}

/** An older one may have been the last of a person's session, or of a pool that has noticed. */
const recentMs = 60_000;

/** A standby refuses every write, so that few are enough: those in databases whose rollbacks are below what is looked at. */
export function examineStandby(context: Context): Finding[] {
  const {snapshot, samples} = context;
  if (!snapshot.target.is_in_recovery) return [];
  const failingDatabases = rollbacksOf(context).map(({datname}) => datname);
  const writing = snapshot.backends.filter(
    ({datname, query, state_age_ms}) =>
      datname !== null &&
      !failingDatabases.includes(datname) &&
      (state_age_ms ?? Number.POSITIVE_INFINITY) < recentMs &&
      writingStatement(query) !== null,
  );
  const refused = recentErrors(context).filter(
    ({sqlstate, datname}) => sqlstate === '25006' && !failingDatabases.includes(datname ?? ''),
  );
  const pools = distinct([
    ...writing.map(({application_name, usename}) => ({application_name, usename: usename ?? ''})),
    ...refused.flatMap(({pool}) => pool ?? []),
  ]);
  const [first] = pools;
  if (first === undefined) return [];
  const seen = samples.filter(({begun}) =>
    begun.some(
      ({application_name, usename, writes}) =>
        writes !== undefined && pools.some(pool => isSame(pool, {application_name, usename})),
    ),
  );
  const statements = [
    ...new Set(
      [...writing.map(({query}) => query), ...refused.map(({statement}) => statement)].flatMap(
        query => writingStatement(query) ?? [],
      ),
    ),
  ];
  return [
    toFinding({
      subject: poolSubject(first),
      pools,
      summary: `${writes(pools)} to a standby: ${statements.slice(0, 2).join(', ')}: refused with 25006 (read-only transaction)`,
      evidence: {sessions: writing.length},
      explains: ['server'],
      harm: {
        kind: 'failing',
        sessions: writing.length,
        share: samples.length === 0 ? 1 : Math.max(1, seen.length) / samples.length,
        since: seen[0] === undefined || seen[0] === samples[0] ? null : timeOf(seen[0]),
      },
      signs: [
        `${counted(writing.length, 'session')} sent a write within the last minute.`,
        ...refused.map(nameError),
      ],
    }),
  ];
}

function writes(pools: readonly Pool[]): string {
  return `${namesOf(pools)} ${pools.length === 1 ? 'writes' : 'write'}`;
}

function isSame(a: Pool, b: Pool): boolean {
  return a.application_name === b.application_name && a.usename === b.usename;
}

function toFinding({pools, signs, ...part}: WriteOnStandby): Finding {
  const acts = [
    ...recycleActs(pools),
    advice('point the application at the primary (target_session_attrs=read-write)', {
      frees: 'writes work again',
      costs: 'after a failover: find out which server is the primary first',
    }),
  ];
  return {
    ...part,
    recipe: acts[0]?.recipe ?? 'standby',
    params: acts[0]?.params ?? {},
    severity: 'critical',
    cause: 'standby',
    confidence: 'certain',
    reasons: ['The server is in recovery: it takes no writes.', ...signs],
    acts,
  };
}

/** After a failover: a pool keeps its sessions on the server that was the primary until they are closed. */
export function recycleActs(pools: readonly Pool[]): Act[] {
  return pools.slice(0, mostActs).map(({application_name, usename}) => ({
    recipe: 'kill-idle-sessions',
    params: {
      application: writeText(application_name),
      role: writeText(usename),
      states: 'idle',
      older_than: '0s',
    },
    title: `after a failover: terminate the idle sessions of ${namesOf([{application_name, usename}])}, so that it reconnects`,
    frees: 'its writes work again, if its address leads to the primary now',
    costs: 'idle sessions are closed, a few at a time; the run stops if they come back to this server',
  }));
}

const mostActs = 3;
