import type {Act} from '../../../model/recipe.ts';
import {writeText} from '../../recipe/parameters.ts';
import {protectionOf, subjectOf} from '../../sessions/protection.ts';
import {changesSchema, statementName} from '../../sql/statement-name.ts';
import {counted, formatAge} from '../../text/format.ts';
import {poolName} from '../context.ts';
import {freedBy} from '../lock-graph.ts';
import {advice, describeRoot, type Explain, freesOf, isLeak, releaseAct} from './waiting-finding.ts';
import type {Jam, Root, Wait} from './waiting-jams.ts';
import {explainRetries, retriesOn} from './waiting-retries.ts';

/** Modes that readers or writers of a table wait for (manual, table 13.2). */
const strongModes: readonly string[] = [
  'AccessExclusiveLock',
  'ExclusiveLock',
  'ShareRowExclusiveLock',
  'ShareLock',
];

/** What a migration can use without hurting: others wait for it no longer than this. */
const suggestedLockTimeout = '2s';

/**
 * A lock request is queued behind those before it, even if it is compatible with the locks that are held: a schema change that
 * waits for a report makes every later request wait for the schema change (ProcSleep in proc.c).
 */
export const explainDdlQueue: Explain = (jam, context) => {
  const heads = headsOf(jam);
  const [head] = heads;
  if (head === undefined) return null;
  const pids = heads.map(({pid}) => pid);
  const others = jam.waits.filter(({pid}) => !pids.includes(pid));
  const freed = freedBy(pids, jam.graph);
  if (others.length > 0 && freed.size * 2 < others.length) return null;
  const root = oldestRoot(jam);
  if (root === undefined) return null;
  const {backend} = head;
  const retries = retriesOn(head.relation ?? statementName(backend.query), context.samples, root.backend);
  if (retries?.last.pid === head.pid) return explainRetries(retries, root, jam, context);
  // A hidden one has no type.
  const isSession = (backend.backend_type ?? 'client backend') === 'client backend';
  const statement =
    statementName(backend.query) ||
    `${isReplay(head) ? 'the replay of' : 'a request for'} ${head.mode} on ${head.relation ?? 'a table'}`;
  const table = head.relation ?? 'the table';
  const queue =
    others.length === 0
      ? `the next session that uses ${table} will queue behind it`
      : `${counted(others.length, 'session')} ${others.length === 1 ? 'queues' : 'queue'} behind it`;
  const holders = holdersOf(heads, jam);
  const others_held = holders.length > 1 ? ` and ${counted(holders.length - 1, 'other holder')}` : '';
  return {
    cause: 'lock-queue',
    subject: subjectOf(head.pid),
    summary: `${statement} (${isSession ? poolName(backend) : backend.backend_type}, ${formatAge(head.wait_age_ms)}) waits behind ${describeRoot(root)}${others_held}; ${queue}`,
    acts: actsOf({heads, statement, root, jam, table}, context),
    confidence: 'certain',
    reasons: [
      ...(isReplay(head)
        ? [
            'A schema change on the primary locked the table; the standby replays nothing else before it has that lock.',
          ]
        : []),
      `${statement} requests ${head.mode || 'a lock'} on ${table}. Every later request for the table queues behind it, also those that could run beside ${describeRoot(root)}.`,
    ],
    evidence: {head_pid: head.pid, head_mode: head.mode, queued: others.length},
  };
};

/** Of a lock that the primary's WAL contains (StandbyAcquireAccessExclusiveLock in standby.c). */
function isReplay({backend}: Wait): boolean {
  return backend.backend_type === 'startup';
}

/** Schema changes that wait, with others behind them: first the one that waits longest. */
export function headsOf({waits}: Jam): Wait[] {
  // On the first reading of a wait its mode is not known yet.
  const strong = waits.filter(
    ({locktype, mode, backend}) =>
      locktype === 'relation' && (mode === '' ? changesSchema(backend.query) : strongModes.includes(mode)),
  );
  const [first] = strong;
  if (first === undefined) return [];
  // Two migrations of one table: without the first one the second would hold up the queue.
  return strong.filter(({relation}) => relation === first.relation);
}

/** Those that the schema changes wait for: with one of them gone, they wait for the others. */
function holdersOf(heads: readonly Wait[], {roots, graph}: Jam): Root[] {
  return roots.filter(({pid}) => heads.some(head => graph.blockers.get(head.pid)?.includes(pid)));
}

function oldestRoot({roots}: Jam): Root | undefined {
  return roots.toSorted((a, b) => (b.backend?.xact_age_ms ?? 0) - (a.backend?.xact_age_ms ?? 0))[0];
}

type Queue = {heads: Wait[]; statement: string; root: Root; jam: Jam; table: string};

function actsOf({heads, statement, root, jam, table}: Queue, context: Parameters<Explain>[1]): Act[] {
  const holders = holdersOf(heads, jam);
  const areForgotten = isLeak(root.backend) && holders.every(({backend}) => isLeak(backend));
  const release = root.backend === null ? null : releaseAll(root.backend, holders, jam, context);
  const freed =
    root.backend === null
      ? null
      : freesOf(
          holders.map(({pid}) => pid),
          jam,
          heads.map(({pid}) => pid),
        );
  const ending: Act[] =
    release === null
      ? [waitForRoot(root, statement)]
      : [
          {
            ...release,
            frees: freed === null ? `${statement} runs` : `${statement} runs, which then ${freed}`,
            costs: `${release.costs} Then ${statement} runs: the queue waits on while it holds its own lock.`,
          },
        ];
  if (heads.some(isReplay)) return [...ending, standbyDelay];
  const cancelling = cancelHeads({heads, statement, jam}, context);
  // A forgotten transaction has nothing to lose, and would hold up the migration's next attempt as well.
  const ways = areForgotten && release?.recipe ? [...ending, cancelling] : [cancelling, ...ending];
  return [...ways, lockTimeout(heads, table)];
}

/** Ends all that hold the table, as one of them frees nothing; null if one of them may not be ended. */
function releaseAll(
  first: NonNullable<Root['backend']>,
  holders: readonly Root[],
  jam: Jam,
  context: Parameters<Explain>[1],
): Act | null {
  if (holders.length < 2) return releaseAct(first, jam, context);
  const acts = holders.flatMap(({backend}) => (backend === null ? [] : [releaseAct(backend, jam, context)]));
  if (acts.length < holders.length || acts.some(({recipe}) => recipe === null)) return null;
  const pids = holders.map(({pid}) => pid).join(',');
  return {
    ...releaseAct(first, jam, context),
    params: {pid: pids},
    title: `terminate all ${holders.length} that hold the table (${pids})`,
  };
}

function cancelHeads(
  {heads, statement, jam}: Pick<Queue, 'heads' | 'statement' | 'jam'>,
  {snapshot}: Parameters<Explain>[1],
): Act {
  const pids = heads.map(({pid}) => pid);
  const forbidden = heads.flatMap(({backend}) => protectionOf(backend, snapshot, true) ?? [])[0];
  const frees = freesOf(pids, jam);
  const what =
    heads.length === 1
      ? `${statement} (${pids[0]})`
      : `${counted(heads.length, 'schema change')} (${pids.join(', ')})`;
  const costs =
    'The migration fails (57014), and what it did in its transaction is rolled back. Run it again with a lock_timeout, or when no long statement runs.';
  return forbidden === undefined
    ? {
        recipe: 'release-blockers',
        params: {pid: pids.join(',')},
        title: `cancel ${what}`,
        frees: frees?.replace(/(?=;|$)/, ' immediately') ?? null,
        costs,
      }
    : {recipe: null, params: {}, title: `cancel ${what}: ${forbidden.reason}`, frees, costs};
}

const standbyDelay = advice(
  'set max_standby_streaming_delay on this standby, so that it cancels queries that hold up the replay for longer',
  'Queries that run for longer may fail with 40001 while the primary changes the schema or vacuums.',
);

function waitForRoot(root: Root, statement: string): Act {
  return advice(
    `wait for ${describeRoot(root)} to end`,
    `Then ${statement} runs. Until then the queue grows.`,
  );
}

function lockTimeout([head]: readonly Wait[], table: string): Act {
  const costs = `Applies to new sessions: a schema change that cannot lock ${table} within ${suggestedLockTimeout} fails (55P03) instead of holding up the others.`;
  const role = head?.backend.usename ?? null;
  if (role === null || head?.backend.is_superuser) {
    return advice(`run it with SET lock_timeout = '${suggestedLockTimeout}' next time`, costs);
  }
  return {
    recipe: 'set-timeouts',
    params: {role: writeText(role), lock_timeout: suggestedLockTimeout},
    title: `set lock_timeout for role ${role}, so that it does not happen again`,
    frees: null,
    costs,
  };
}
