import type {JournalEntry} from '../model/journal-entry.ts';

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
