import {BugError} from '../errors.ts';
/**
 * A value as JSON for a terminal or a file. Characters that a terminal or editor would execute or hide (C1 controls, DEL,
 * line separators, bidirectional and zero-width marks, lone surrogates) are escaped as `\uXXXX`.
 */
export function jsonText(value: unknown, indent = 0): string {
  return escapeJson(JSON.stringify(value, null, indent));
}

/** Escapes the same characters in JSON text. */
export function escapeJson(json: string): string {
  return isPlain.test(json) ? json : json.replace(hostile, escapeUnits);
}

function escapeUnits(text: string): string {
  let escaped = '';
  for (let at = 0; at < text.length; at++)
    escaped += `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
  return escaped;
}

const isPlain = /^[\n\x20-\x7e]*$/;
// Newlines separate members; JSON.stringify escapes every other C0 control.
const hostile = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * The canonical JSON text of a value (RFC 8785): keys sorted by UTF-16 code unit, no white space, no `undefined` members.
 * Equal values give equal bytes, so hashes over it can be recomputed. Throws BugError for what JSON cannot represent.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') return canonicalNumber(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object') return canonicalObject(value);
  throw new BugError(`cannot be written as JSON: ${typeof value}`);
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) throw new BugError(`cannot be written as JSON: ${value}`);
  return JSON.stringify(value);
}

function canonicalObject(value: object): string {
  return joinMembers(canonicalMembers(value));
}

/** An object's members in canonical order, each with its text `"key":value`. */
export function canonicalMembers(value: object): [key: string, text: string][] {
  const members: [string, string][] = [];
  for (const key of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) members.push([key, `${JSON.stringify(key)}:${canonicalJson(member)}`]);
  }
  return members;
}

export function joinMembers(members: readonly [key: string, text: string][]): string {
  return `{${members.map(([, text]) => text).join(',')}}`;
}
