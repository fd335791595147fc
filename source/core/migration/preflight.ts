import type {Node} from 'libpg-query';
import type {MigrationTarget, PreflightStatement, Verdict} from '../../model/preflight.ts';
import {maskSecrets} from '../sql/secrets.ts';
import {type Effect, heaviest, type Lock, mergeLocks, type Work} from './effect.ts';
import {effectOf} from './effects.ts';
import {blocksOthers, durationOf, type Held, judge, type Reading} from './judge.ts';
import {blocksReads, blocksWrites} from './lock-mode.ts';
import {safeForm} from './safe-form.ts';
import {createSchemaState, type SchemaState} from './schema-state.ts';

/** A statement of a migration, as PostgreSQL's parser reads it. */
export type MigrationStatement = {
  file: string;
  line: number;
  sql: string;
  node: Node;
  /** The statements of a DO block; null if it runs others, or is none. */
  inner: Node[] | null;
};

export type PreflightOptions = {
  /** Null: without a server. */
  target: MigrationTarget | null;
  reading: Reading | null;
  /** Each statement is a transaction, as psql runs a file; otherwise each file is one, as Prisma Migrate runs it. */
  autocommit: boolean;
};

/** What each statement of a migration locks and does, whom it would block and who is in its way. */
export function preflight(
  statements: readonly MigrationStatement[],
  {target, reading, autocommit}: PreflightOptions,
): PreflightStatement[] {
  const state = createSchemaState(target);
  const transactions = transactionsOf(statements, autocommit);
  const sizes = new Map<number, number>();
  for (const each of transactions) sizes.set(each, (sizes.get(each) ?? 0) + 1);
  let held: Held[] = [];
  let hasTimeout = false;
  let isTold = false;
  return statements.map((statement, index): PreflightStatement => {
    const transaction = transactions[index] ?? 0;
    if (index > 0 && transactions[index - 1] !== transaction) {
      held = [];
      state.endTransaction();
    }
    hasTimeout = timeoutAfter(statement.node, hasTimeout);
    const effect = known(effectsOf(statement, state), statement.node, target);
    const shared = (sizes.get(transaction) ?? 0) > 1;
    const {verdict, reasons, holders, queue_per_second} = judge(effect, {
      ...{held, reading, shared},
      is_checked: target !== null,
    });
    const own = effect.locks.filter(blocksOthers);
    held = [...held, ...own.map(lock => ({lock, line: statement.line}))];
    const needsTimeout = own.length > 0 && !hasTimeout && !isTold;
    isTold ||= needsTimeout;
    const {work} = effect;
    // Beside traffic that does not mind, or if only sessions are in the way, it is good as it is.
    const helps = effect.remedies.some(
      ({kind}) => kind === 'contract' || (kind === 'concurrently' && verdict === 'wait'),
    );
    const isFine = reading !== null && verdict !== 'unsafe' && !helps;
    const form = isFine ? null : safeForm(statement.sql, statement.node, effect);
    return {
      file: statement.file,
      line: statement.line,
      sql: maskSecrets(statement.sql),
      ...{verdict, reasons},
      locks: effect.locks.map(({relation, mode}) => ({
        relation: relation.label,
        mode,
        blocks_reads: blocksReads(mode),
        blocks_writes: blocksWrites(mode),
        size_bytes: relation.found?.size_bytes ?? null,
      })),
      rewrites: work === 'unknown' ? null : work === 'rewrite',
      scans: work === 'unknown' ? null : work !== 'none',
      in_transaction: effect.in_transaction,
      ...{holders, queue_per_second},
      duration_ms: durationOf(effect),
      notes: [...effect.notes, ...(needsTimeout ? [timeoutNote(own)] : [])],
      safe_form: form === null ? null : maskSecrets(form),
    };
  });
}

export function worst(verdicts: readonly Verdict[]): Verdict {
  return (['unsafe', 'wait'] as const).find(each => verdicts.includes(each)) ?? 'safe';
}

function effectsOf({node, inner}: MigrationStatement, state: SchemaState): Effect {
  if (inner === null) return effectOf(node, state);
  const all = inner.map(each => effectOf(each, state));
  return {
    locks: all.flatMap(each => each.locks),
    work: heaviest(all.map(each => each.work)),
    worked: all.flatMap(each => each.worked),
    is_opaque: all.some(each => each.is_opaque),
    in_transaction: all.every(each => each.in_transaction),
    waits_for_snapshots: false,
    notes: all.flatMap(each => each.notes),
    failures: all.flatMap(each => each.failures),
    remedies: [],
  };
}

/** Without what this migration makes itself, which no other session uses, and what IF EXISTS does not find. */
function known(effect: Effect, node: Node, target: MigrationTarget | null): Effect {
  const [statement] = Object.values(node) as {missing_ok?: boolean}[];
  const worked = effect.worked.filter(({is_new}) => !is_new);
  const isMade = !effect.is_opaque && effect.worked.length > 0 && worked.length === 0;
  const work: Work = isMade ? 'none' : effect.work;
  const locks = mergeLocks(effect.locks);
  // IF EXISTS finds nothing on the server.
  const isMissed = ({relation}: Lock) =>
    statement?.missing_ok === true && target !== null && relation.found === null;
  return {
    ...effect,
    work,
    worked,
    locks: locks.filter(lock => !isMissed(lock)),
    remedies: locks.length === 0 ? [] : effect.remedies,
  };
}

/** The transaction of each statement, by number. */
function transactionsOf(statements: readonly MigrationStatement[], autocommit: boolean): number[] {
  let current = 0;
  let isOpen = false;
  let file: string | null = null;
  return statements.map(statement => {
    const kind = 'TransactionStmt' in statement.node ? (statement.node.TransactionStmt.kind ?? '') : '';
    const begins = kind === 'TRANS_STMT_BEGIN' || kind === 'TRANS_STMT_START';
    if (statement.file !== file || (autocommit && !isOpen)) current++;
    file = statement.file;
    const own = current;
    if (begins) isOpen = true;
    if (kind === 'TRANS_STMT_COMMIT' || kind === 'TRANS_STMT_ROLLBACK') {
      isOpen = false;
      current++;
    }
    return own;
  });
}

function timeoutAfter(node: Node, before: boolean): boolean {
  if (!('VariableSetStmt' in node) || node.VariableSetStmt.name?.toLowerCase() !== 'lock_timeout')
    return before;
  const {kind, args = []} = node.VariableSetStmt;
  const [value] = args.flatMap(arg => ('A_Const' in arg ? arg.A_Const : []));
  const isZero =
    value?.sval === undefined ? (value?.ival?.ival ?? 0) === 0 : /^0+\D*$/.test(value.sval.sval ?? '0');
  return kind === 'VAR_SET_VALUE' && !isZero;
}

function timeoutNote([lock]: readonly Lock[]): string {
  const name = lock?.relation.label ?? 'the table';
  return `no lock_timeout: while it waits for its lock, what needs ${name} waits behind it`;
}
