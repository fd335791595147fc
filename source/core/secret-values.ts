import type {Verification} from '../model/step.ts';
import {redactSecrets, type Showable} from './redact.ts';
import {maskSecrets} from './sql-secrets.ts';

/** A value that is bound to a statement: SQL (a definition), `name=value` of a setting, or any text. */
export function isSecretValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isSecretValue);
  return typeof value === 'string' && maskText(value) !== value;
}

/** What `name` is set to or compared with. */
export function isSecretPair(name: string, value: string | number | boolean | null): boolean {
  if (value === null || value === '' || typeof value === 'boolean') return false;
  const text = `SET ${name} = '${String(value).replaceAll("'", "''")}'`;
  return maskSecrets(text) !== text;
}

/** The value as it is shown, without the secrets that the journal would not keep. */
export function shownValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shownValue);
  return typeof value === 'string' ? maskText(value) : value;
}

export function shownExpectation({column, op, value}: Verification['expect']): Verification['expect'] {
  return {column, op, value: isSecretPair(column, value) ? '***' : (shownValue(value) as typeof value)};
}

export function shownSettings(settings: Record<string, string>): Record<string, Showable> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      isSecretPair(name, value) ? '***' : maskText(value),
    ]),
  );
}

function maskText(text: string): string {
  const [, name, setting = ''] = /^([\w.]+)=([\s\S]*)$/.exec(text) ?? [];
  return name !== undefined && isSecretPair(name, setting) ? `${name}=***` : redactSecrets(maskSecrets(text));
}
