import {createHash} from 'node:crypto';
import {withoutSecrets} from '../core/engine/step.ts';
import {canonicalJson, canonicalMembers, escapeJson, joinMembers} from '../core/text/json.ts';
import {redactDeep, redactSecrets} from '../core/text/redact.ts';
import type {JournalDraft, JournalEntry} from '../model/journal-entry.ts';
import type {Step} from '../model/step.ts';

/** The `previous` of the first entry. */
export const genesisHash = '0'.repeat(64);

export type ChainEnd = {seq: number; hash: string};

export const emptyChain: ChainEnd = {seq: 0, hash: genesisHash};

/** The entry after `end`: numbered, dated `at` and linked by hash. */
export function chainEntry(draft: JournalDraft, end: ChainEnd, at: string): JournalEntry {
  const body = {...draft, schema_version: 1 as const, seq: end.seq + 1, at};
  return {...body, previous: end.hash, hash: sha256(`${end.hash}\n${canonicalJson(body)}`)};
}

/** Parses one line of the journal; null if it is not an entry. */
export function parseEntry(line: string): JournalEntry | null {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * Why an entry cannot follow `end`; null if it can. Its line must be byte for byte what poolctl writes: other readers
 * may resolve a duplicate key, or other white space, differently.
 */
function linkProblem(line: string, entry: JournalEntry, end: ChainEnd): string | null {
  const {seq, previous, hash} = entry;
  if (seq !== end.seq + 1) return `entry ${end.seq + 1} is missing: found entry ${seq} instead`;
  if (previous !== end.hash) return `entry ${seq} is not linked to the entry before it`;
  const members = canonicalMembers(entry);
  const text = joinMembers(members);
  // poolctl 0.1.0 wrote control characters unescaped.
  if (line !== text && line !== escapeJson(text))
    return `entry ${seq} was not written by poolctl (duplicate key or different white space)`;
  const body = joinMembers(members.filter(([key]) => key !== 'hash' && key !== 'previous'));
  return sha256(`${previous}\n${body}`) === hash ? null : `entry ${seq} was modified after it was written`;
}

/** Verifies a chain line by line, starting at `from`; stops at the first problem. */
export type ChainReader = {
  /** Returns the line's entry if the chain is valid up to and including it, else null. Pass null for invalid UTF-8. */
  add(line: string | null): JournalEntry | null;
  /** The last valid entry. */
  end(): ChainEnd;
  /** Why the chain is broken after `end`; null if it is valid. */
  problem(): string | null;
};

export function createChainReader(from: ChainEnd = emptyChain): ChainReader {
  let end = from;
  let problem: string | null = null;
  return {
    add(line) {
      if (problem !== null) return null;
      const entry = line === null ? null : parseEntry(line);
      problem =
        line === null || entry === null
          ? `line ${end.seq + 1} is not a journal entry`
          : linkProblem(line, entry, end);
      if (entry === null || problem !== null) return null;
      end = {seq: entry.seq, hash: entry.hash};
      return entry;
    },
    end: () => end,
    problem: () => problem,
  };
}

/** A draft without secrets. Executable text is stored unchanged or, if it contains a secret, not at all. */
export function redactDraft(draft: JournalDraft): JournalDraft {
  return draft.event === 'intent' ? {...draft, content: redactStep(draft.content)} : redactDeep(draft);
}

function redactStep(step: Step): Step {
  const stored = withoutSecrets(step);
  const title = redactSecrets(stored.title);
  if (stored.kind === 'advice') return {...stored, title, text: redactSecrets(stored.text)};
  return stored.kind === 'file' ? {...stored, title, diff: redactDeep(stored.diff)} : {...stored, title};
}

/** SHA-256 of the text's UTF-8 bytes, in hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Whether a value is a journal entry, of this or an older version. The hash chain proves that an entry was not
 * modified, not that poolctl wrote it, so every member that is executed, compared or counted is checked here.
 */
export function isEntry(value: unknown): value is JournalEntry {
  if (!isRecord(value)) return false;
  const {seq, at, hash, previous, run, target, actor, event} = value;
  const texts = [at, hash, previous, run, target, actor];
  return Number.isSafeInteger(seq) && texts.every(isText) && (contents.get(event)?.(value) ?? false);
}

type Shape = (value: unknown) => boolean;
type Entry = Record<string, unknown>;

const contents = new Map<unknown, (entry: Entry) => boolean>([
  [
    'run',
    ({params, undoes, process, server}) =>
      isRecord(params) &&
      optional(isText)(undoes) &&
      optional(isProcess)(process) &&
      optional(isRecord)(server),
  ],
  ['intent', ({step, content}) => isCount(step) && isStep(content)],
  ['outcome', ({step, outcome, pins}) => isCount(step) && isText(outcome) && optional(isRecord)(pins)],
  ['end', ({status}) => isText(status)],
  ['rollout', ({stages}) => isListOf(isText)(stages)],
  ['stage', ({name}) => isText(name)],
]);

function isStep(value: unknown): boolean {
  if (!isRecord(value) || !isText(value.title) || !isText(value.subject)) return false;
  if (value.kind === 'advice') return isText(value.text);
  if (value.kind === 'file')
    return isText(value.path) && isChange(value.change) && isListOf(isText)(value.diff);
  const {timeout_ms, transaction, undo} = value;
  return (
    value.kind === 'sql' &&
    Number.isSafeInteger(timeout_ms) &&
    Number(timeout_ms) >= 0 &&
    typeof transaction === 'boolean' &&
    isExecutable(value) &&
    (undo === 'irreversible' || undo === 'unneeded' || isUndo(undo))
  );
}

function isUndo(value: unknown): boolean {
  return isRecord(value) && isExecutable(value) && optional(isUndo)(value.undo);
}

/** The members that a step and its undo share. */
function isExecutable({apply, verify, guard, proof, pins, afterwards, settings, cleanup}: Entry): boolean {
  return (
    isSql(apply) &&
    isVerification(verify) &&
    optional(isVerification)(guard) &&
    optional(isVerification)(proof) &&
    optional(isSql)(pins) &&
    optional(isListOf(isSql))(afterwards) &&
    optional(isSettings)(settings) &&
    optional(isCleanup)(cleanup)
  );
}

function isCleanup(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const {guard, apply, settings} = value;
  return isVerification(guard) && isSql(apply) && optional(isSettings)(settings);
}

const operators = new Set<unknown>(['=', '<>', '<', '<=', '>', '>=']);

function isVerification(value: unknown): boolean {
  if (!isRecord(value) || !isRecord(value.expect)) return false;
  const {column, op} = value.expect;
  return isSql(value.query) && isText(column) && operators.has(op);
}

function isSql(value: unknown): boolean {
  return (
    isRecord(value) &&
    isText(value.text) &&
    Array.isArray(value.values) &&
    optional(isListOf(isText))(value.functions)
  );
}

function isChange(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const {kind, text, variable, before, after, edits} = value;
  switch (kind) {
    case 'withheld':
      return true;
    case 'create':
    case 'remove':
      return isText(text);
    case 'replace':
      return isText(before) && isText(after);
    case 'url_query':
      return isText(variable) && isListOf(isRecord)(edits);
    case 'url_parameters':
      return isText(variable) && isRecord(before) && isRecord(after);
    default:
      return false;
  }
}

function isProcess(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const {host, boot, pid_namespace, pid, start} = value;
  return [host, boot, pid_namespace, start].every(isText) && isCount(pid);
}

function isSettings(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every(isText);
}

function isRecord(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isListOf(shape: Shape): Shape {
  return value => Array.isArray(value) && value.every(shape);
}

function optional(shape: Shape): Shape {
  return value => value === undefined || shape(value);
}
