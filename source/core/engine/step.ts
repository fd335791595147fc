import type {
  FileChange,
  FileStep,
  QueryEdit,
  Sql,
  SqlStep,
  Step,
  Undo,
  Verification,
} from '../../model/step.ts';
import {setUrlParameters, setUrlQuery} from '../pool/env.ts';
import {isSecretPair, isSecretValue, maskSecrets, secretParameters} from '../sql/secrets.ts';
import {redactSecrets} from '../text/redact.ts';

/** Whether its effect can occur without it: sessions and statements also end on their own. */
export function endsByItself({subject, apply}: Pick<SqlStep, 'subject' | 'apply'>): boolean {
  return subject.startsWith('backend:') || /\bpg_(terminate|cancel)_backend\b/.test(apply.text);
}

/** The step's undo; null if it is irreversible or needs none. */
export function undoOf({undo}: Pick<SqlStep, 'undo'>): Undo | null {
  return typeof undo === 'string' ? null : undo;
}

/** Why a step has no undo, for previews and the journal; null if it has one. */
export function withoutUndoText({undo, holds_secret}: Pick<SqlStep, 'undo' | 'holds_secret'>): string | null {
  if (undo === 'unneeded') return 'needs no undo';
  if (undo !== 'irreversible') return null;
  return holds_secret ? `cannot be undone: ${secretReason}` : 'cannot be undone';
}

export const secretReason = 'its undo would need what looks like a secret, which the journal does not store';

/** Whether a row satisfies a verification. False without a row, and for null compared with < or >. */
export function holds(
  {column, op, value}: Verification['expect'],
  row: Record<string, unknown> | undefined,
): boolean {
  if (row === undefined || !(column in row)) return false;
  const actual = row[column];
  if (op === '=') return actual === value;
  if (op === '<>') return actual !== value;
  if (actual === null || value === null || typeof actual !== typeof value) return false;
  const order = compare(actual, value);
  return {'<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0}[op];
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [String(a), String(b)];
  return left < right ? -1 : Number(left > right);
}

/**
 * The file's text after the change (null: no file). Returns undefined if the change no longer applies.
 */
export function applyChange(text: string | null, change: FileChange): string | null | undefined {
  if (change.kind === 'withheld') return undefined;
  if (change.kind === 'create') return text === null ? change.text : undefined;
  if (text === null) return undefined;
  if (change.kind === 'remove') return text === change.text ? null : undefined;
  if (change.kind === 'replace') return replaceOnce(text, change);
  return change.kind === 'url_query' ? setUrlQuery(text, change) : setUrlParameters(text, change);
}

/** The reverse change. */
export function invertChange(change: FileChange): FileChange {
  switch (change.kind) {
    case 'withheld':
      return change;
    case 'create':
      return {...change, kind: 'remove'};
    case 'remove':
      return {...change, kind: 'create'};
    case 'replace':
      return {...change, before: change.after, after: change.before};
    case 'url_query':
      return {...change, edits: change.edits.toReversed().map(invertEdit)};
    case 'url_parameters':
      return {...change, before: change.after, after: change.before};
  }
}

function invertEdit({before, after}: QueryEdit): QueryEdit {
  return {before: after, after: before};
}

function replaceOnce(text: string, {before, after}: {before: string; after: string}): string | undefined {
  const at = text.indexOf(before);
  if (before === '' || at === -1 || text.indexOf(before, at + 1) !== -1) return undefined;
  return text.slice(0, at) + after + text.slice(at + before.length);
}

/** The planned step; irreversible if its undo would contain a secret, since the journal stores none. */
export function withoutSecretUndo(step: Step): Step {
  if (step.kind === 'file') return holdsSecretChange(step) ? {...step, holds_secret: true} : step;
  if (step.kind !== 'sql' || typeof step.undo === 'string') return step;
  // The undo of the undo is checked when that undo is planned.
  const {undo: _, ...undo} = step.undo;
  const isSecret = holdsSecretSetting(step) || isWithheld(withhold(undo));
  return isSecret ? {...step, undo: 'irreversible', holds_secret: true} : step;
}

/**
 * The step as journaled: executable text is stored exactly or, if it contains a secret, not at all. Shown text is
 * redacted elsewhere. Idempotent.
 */
export function withoutSecrets(step: Step): Step {
  if (step.kind === 'advice') return step;
  if (step.kind === 'file')
    return holdsSecretChange(step) ? {...step, change: {kind: 'withheld'}, holds_secret: true} : step;
  const {settings: _, ...bare} = step;
  const whole = holdsSecretSetting(step) ? {...bare, apply: withheld} : step;
  return withoutSecretUndo(withhold(withoutSecretUndo(whole)) as SqlStep);
}

/** Whether something was withheld from the journal. */
export function isWithheld(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  return 'withheld' in value || Object.values(value).some(isWithheld);
}

/** Whether an older version, which redacted executable text in the journal, masked something in this value. */
export function wasRedacted(value: unknown): boolean {
  if (typeof value === 'string') return redactedOnce.test(value);
  return value !== null && typeof value === 'object' && Object.values(value).some(wasRedacted);
}

const redactedOnce =
  /:\/\/[^\s/:@]*:\*\*\*@|[?&](?:password|sslpassword|passfile|api_key)=\*\*\*|\bpassword\b"?(?:\s|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/|\bto\b|=)*\*\*\*/i;

const withheld: Sql = {text: '', values: [], withheld: true};

function withhold(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withhold);
  if (isSql(value)) return holdsSecret(value) ? withheld : value;
  if (isVerification(value) && holdsSecretValue(value))
    return {...value, query: withheld, expect: {...value.expect, value: null}};
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withhold(member)]));
}

function isSql(value: object): value is Sql {
  return 'text' in value && 'values' in value;
}

function isVerification(value: object): value is Verification {
  return 'query' in value && 'expect' in value;
}

function holdsSecretValue({query, expect}: Verification): boolean {
  return holdsSecret(query) || isSecretPair(expect.column, expect.value);
}

function holdsSecret({text, values}: Sql): boolean {
  if (maskSecrets(text) !== text) return true;
  const secret = secretParameters(text);
  return values.some((value, at) => (value !== null && secret.has(at + 1)) || isSecretValue(value));
}

function holdsSecretSetting({settings = {}}: SqlStep): boolean {
  return Object.entries(settings).some(([name, value]) => isSecretPair(name, value));
}

function holdsSecretChange({change}: FileStep): boolean {
  return textsOf(change).some(text => redactSecrets(text) !== text);
}

function textsOf(change: FileChange): string[] {
  switch (change.kind) {
    case 'create':
    case 'remove':
      return [change.text];
    case 'replace':
      return [change.before, change.after];
    case 'url_parameters':
      return [change.before, change.after].flatMap(parameters =>
        Object.entries(parameters).map(([name, value]) => `?${name}=${value ?? ''}`),
      );
    case 'url_query':
      return change.edits
        .flatMap(({before, after}) => [before, after])
        .map(part => part.replace(/^[?&]?/, '?'));
    case 'withheld':
      return [];
  }
}
