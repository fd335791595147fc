import {afterBlanks, scanStatement, wordAt} from '../endpoint/scan-statement.ts';

/**
 * How a read-only session treats a text:
 * - `plain`: runs in a read-only transaction. `keepsSettings`: it may change a session setting, which a rollback would
 *   undo. `isOne`: must go through the extended protocol, in which the server rejects more than one statement.
 * - `setting`: SET, RESET or DISCARD alone, which call no function and write nothing.
 * - `begin`, `end`: begins or ends the application's own transaction. `text` of an end is the rollback to send instead.
 * - `empty`: only white space and comments.
 * - `refused`: `what` leaves a prepared transaction behind or has an effect that no rollback undoes.
 */
export type ReadOnlyStatement =
  | {kind: 'plain'; keepsSettings: boolean; isOne: boolean}
  | {kind: 'setting'; keepsSettings: boolean}
  | {kind: 'begin'}
  | {kind: 'end'; text: string; isCommit: boolean}
  | {kind: 'empty'}
  | {kind: 'refused'; what: string};

/**
 * A text without `;` is at most one statement, and a text without these words cannot end a transaction, however the server
 * reads its strings and comments. Any other text goes through the extended protocol, in which the server accepts only one
 * statement.
 */
const endingWord = /\b(?:commit|end|rollback|abort|prepare)\b/i;
const settingWord = /\b(?:set|reset|set_config)\b/i;

const begin =
  /^(?:begin(?:\s+(?:work|transaction))?|start\s+transaction)(?:[\s,]+(?:isolation\s+level\s+(?:serializable|repeatable\s+read|read\s+(?:un)?committed)|read\s+(?:only|write)|(?:not\s+)?deferrable))*$/i;
const end = /^(commit|end|rollback|abort)((?:\s+(?:work|transaction))?(?:\s+and(?:\s+no)?\s+chain)?)$/i;

export function readOnlyStatement(text: string): ReadOnlyStatement {
  const body = text.slice(afterBlanks(text, 0)).replace(/[;\s]+$/, '');
  if (body === '') return {kind: 'empty'};
  const effect = lastingEffect(body);
  if (effect !== null) return {kind: 'refused', what: effect};
  const word = wordAt(body, 0).toLowerCase();
  const keepsSettings = settingWord.test(body);
  const isOne = body.includes(';') && endingWord.test(body);
  switch (word) {
    case 'begin':
    case 'start':
      if (begin.test(collapseBlanks(body))) return {kind: 'begin'};
      break;
    case 'commit':
    case 'end':
    case 'rollback':
    case 'abort': {
      const [, , rest] = end.exec(collapseBlanks(body)) ?? [];
      const isCommit = word === 'commit' || word === 'end';
      if (rest !== undefined) return {kind: 'end', text: `ROLLBACK${rest}`, isCommit};
      break;
    }
    case 'prepare':
      if (/^transaction$/i.test(wordAt(body, afterBlanks(body, word.length))))
        return {kind: 'refused', what: 'PREPARE TRANSACTION'};
      break;
    case 'set':
    case 'reset':
    case 'discard':
      if (!body.includes(';')) return {kind: 'setting', keepsSettings};
      break;
  }
  return {kind: 'plain', keepsSettings, isOne};
}

/** With one space for white space and comments; only for a statement without strings. */
function collapseBlanks(statement: string): string {
  let stripped = '';
  for (let at = 0; at < statement.length; ) {
    const next = afterBlanks(statement, at);
    stripped += next > at ? ' ' : statement[at];
    at = next > at ? next : at + 1;
  }
  return stripped.trim();
}

/**
 * The function or command in a text whose effect neither READ ONLY nor a rollback prevents: on another connection, on
 * files and programs, on other sessions or on the server; null if there is none. Recognises names only, not what
 * user-defined functions do.
 */
function lastingEffect(text: string): string | null {
  if (!mayLast.test(text)) return null;
  const name = call.exec(text)?.[1];
  if (name !== undefined) return `${name.toLowerCase()}()`;
  return copyOut.test(text) ? 'COPY TO a file or a program' : null;
}

/** A cheap first test. */
const mayLast = /copy|dblink|lo_export|pg_/i;

const call = new RegExp(
  `\\b(${[
    'dblink\\w*|lo_export',
    'pg_(?:terminate|cancel)_backend|pg_log_(?:backend|query)_\\w+',
    'pg_reload_conf|pg_rotate_logfile|pg_promote|pg_wal_replay_(?:pause|resume)',
    'pg_switch_wal|pg_create_restore_point|pg_logical_emit_message|pg_(?:backup_)?(?:start|stop)(?:_backup)?',
    'pg_(?:create|drop|copy|sync)_\\w*replication_slots?|pg_logical_slot_get_\\w+|pg_replication_(?:slot|origin)_\\w+',
    'pg_stat_\\w*reset\\w*|pg_file_\\w+',
  ].join('|')})"?\\s*\\(`,
  'i',
);

/** COPY FROM writes a table, which the server itself refuses. */
const copyOut = /(?:^|;|\bbegin\b)\s*copy\b[^;]*\bto\b(?!\s+stdout\b)/i;

/** Why a read-only session rejects a text; null if it does not. */
export function rejectionReason(text: string, values: readonly unknown[] = []): string | null {
  if (disablesReadOnly(text, values)) return 'it would switch read-only off: refused without --allow-writes';
  // Most statements end here.
  if (!/;|prepare|copy|dblink|lo_export|pg_/i.test(text)) return null;
  const statements = statementsOf(text).map(readOnlyStatement);
  for (const statement of statements)
    if (statement.kind === 'refused') return `${statement.what} is refused without --allow-writes`;
  const own = statements.map(({kind}) => kind).filter(kind => kind !== 'empty');
  return own.length > 1 && own.some(kind => kind === 'begin' || kind === 'end')
    ? 'BEGIN or COMMIT in a text of several statements is refused without --allow-writes: send each separately'
    : null;
}

/** Whether a text of one or more statements would let later ones write in a read-only session. */
export function disablesReadOnly(text: string, values: readonly unknown[] = []): boolean {
  // Most statements end here.
  if (!/transaction_read_only|set_config|write/i.test(text)) return false;
  return statementsOf(text).some(statement => disables(statement, values));
}

const readOnlySetting = /transaction_read_only/i;
const isOn = /(?:=|\bto)\s*'?(?:on|true|yes|1)'?\s*;?\s*$/i;

/** RESET and DISCARD do not: they restore the session's initial settings, which are read-only. */
function disables(statement: string, values: readonly unknown[]): boolean {
  if (/set_config/i.test(statement))
    return [statement, ...values].some(each => readOnlySetting.test(String(each)));
  const word = /^\w*/.exec(statement)?.[0]?.toLowerCase();
  switch (word) {
    case 'set':
      return readOnlySetting.test(statement) ? !isOn.test(statement) : /\bread\s+write\b/i.test(statement);
    case 'begin':
    case 'start':
      return /\bread\s+write\b/i.test(statement);
    case 'do':
    case 'call':
      return readOnlySetting.test(statement) || /\bread\s+write\b/i.test(statement);
    default:
      return false;
  }
}

function statementsOf(text: string): string[] {
  const statements: string[] = [];
  for (let at = 0; at < text.length; ) {
    const {end} = scanStatement(text, at);
    statements.push(withoutComments(text.slice(at, end)).trim());
    at = end;
  }
  return statements;
}

/** Skips strings and quoted identifiers, which may contain `--`. */
function withoutComments(statement: string): string {
  const token = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g;
  return statement.replace(token, found => (/^(--|\/\*)/.test(found) ? ' ' : found));
}
