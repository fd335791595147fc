import {BugError} from '../errors.ts';

/**
 * The one JSON text of a value: keys sorted by UTF-16 code unit, no white space, `undefined` members left out
 * (as RFC 8785 has it). Equal values give equal bytes, so hashes over it can be recomputed by anybody.
 * Throws BugError on what JSON cannot carry.
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

/** An object's members, each with its canonical text `"key":value`, in their order. */
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
