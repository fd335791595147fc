import {behindBlanks, wordAt} from '../endpoint/scan-statement.ts';
import {actInSpite} from './acts.ts';

/**
 * What a read-only session makes of a text:
 * - `plain`: it runs inside a transaction that is read-only. `keepsSettings`: it may set something for the session,
 *   which a rollback would undo. `isOne`: only the server can tell whether it is one statement.
 * - `setting`: SET, RESET or DISCARD alone, which call no function and write nothing.
 * - `begin`, `end`: the application's own transaction. `text` of an end is the rollback that takes its place.
 * - `empty`: nothing but blanks and comments.
 * - `refused`: it would leave a prepared transaction behind, or act in spite of the transaction; `what` does.
 */
export type ReadOnlyStatement =
  | {kind: 'plain'; keepsSettings: boolean; isOne: boolean}
  | {kind: 'setting'; keepsSettings: boolean}
  | {kind: 'begin'}
  | {kind: 'end'; text: string; isCommit: boolean}
  | {kind: 'empty'}
  | {kind: 'refused'; what: string};

/**
 * A text without `;` is one statement at most, and one that holds none of these words cannot end a transaction: that
 * is true of the letters alone, however the server reads its strings and comments. All else is left to the server's
 * own parser: the extended protocol takes one statement.
 */
const endingWord = /\b(?:commit|end|rollback|abort|prepare)\b/i;
const settingWord = /\b(?:set|reset|set_config)\b/i;

const begin =
  /^(?:begin(?:\s+(?:work|transaction))?|start\s+transaction)(?:[\s,]+(?:isolation\s+level\s+(?:serializable|repeatable\s+read|read\s+(?:un)?committed)|read\s+(?:only|write)|(?:not\s+)?deferrable))*$/i;
const end = /^(commit|end|rollback|abort)((?:\s+(?:work|transaction))?(?:\s+and(?:\s+no)?\s+chain)?)$/i;

export function readOnlyStatement(text: string): ReadOnlyStatement {
  const body = text.slice(behindBlanks(text, 0)).replace(/[;\s]+$/, '');
  if (body === '') return {kind: 'empty'};
  const act = actInSpite(body);
  if (act !== null) return {kind: 'refused', what: act};
  const word = wordAt(body, 0).toLowerCase();
  const keepsSettings = settingWord.test(body);
  const isOne = body.includes(';') && endingWord.test(body);
  switch (word) {
    case 'begin':
    case 'start':
      if (begin.test(withoutComments(body))) return {kind: 'begin'};
      break;
    case 'commit':
    case 'end':
    case 'rollback':
    case 'abort': {
      const [, , rest] = end.exec(withoutComments(body)) ?? [];
      const isCommit = word === 'commit' || word === 'end';
      if (rest !== undefined) return {kind: 'end', text: `ROLLBACK${rest}`, isCommit};
      break;
    }
    case 'prepare':
      if (/^transaction$/i.test(wordAt(body, behindBlanks(body, word.length))))
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

/** Of a statement that has no strings. */
function withoutComments(statement: string): string {
  let kept = '';
  for (let at = 0; at < statement.length; ) {
    const next = behindBlanks(statement, at);
    kept += next > at ? ' ' : statement[at];
    at = next > at ? next : at + 1;
  }
  return kept.trim();
}
