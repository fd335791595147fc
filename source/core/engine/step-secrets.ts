import type {FileChange, FileStep, Sql, SqlStep, Step, Verification} from '../../model/step.ts';
import {isSecretPair, isSecretValue, maskSecrets, secretParameters} from '../sql/secrets.ts';
import {redactSecrets} from '../text/redact.ts';

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
  /:\/\/[^\s/:@]*:\*\*\*@|[?&](?:password|sslpassword|passfile|api_key)=\*\*\*|\bpassword\b"?(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/|\bto\b|=)*\*\*\*/i;

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
