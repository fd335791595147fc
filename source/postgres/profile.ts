import {AbortError, exitCodes} from '../core/errors.ts';
import type {Machine} from './local-machine.ts';

/** A named target in the user's configuration. */
export type Profile = {url: string; rescue_url: string | null; is_production: boolean};

/** `$XDG_CONFIG_HOME/poolctl/config.json`. */
export function profileFile({env, home}: Machine): string {
  return `${env.XDG_CONFIG_HOME || `${home}/.config`}/poolctl/config.json`;
}

/** Every profile by name; empty when there is no file. Throws AbortError (exit 2) when it cannot be understood. */
export function readProfiles(machine: Machine): Map<string, Profile> {
  const file = profileFile(machine);
  const text = machine.readFile(file);
  if (text === null) return new Map();
  const targets = objectIn(parse(text, file), 'targets');
  if (targets === null) throw unreadable(file, 'it has no "targets"');
  return new Map(Object.keys(targets).map(name => [name, toProfile(objectIn(targets, name), name, file)]));
}

/** The profile of that name. Throws AbortError (exit 2) that names those there are. */
export function findProfile(name: string, machine: Machine): Profile {
  const profiles = readProfiles(machine);
  const profile = profiles.get(name);
  if (profile !== undefined) return profile;
  const names = [...profiles.keys()].join(', ');
  throw new AbortError(`there is no target "${name}" in ${profileFile(machine)}`, {
    hint:
      names === '' ? `Add it: {"targets": {"${name}": {"url": "postgres://..."}}}` : `There is: ${names}.`,
    exitCode: exitCodes.usage,
  });
}

function toProfile(value: Record<string, unknown> | null, name: string, file: string): Profile {
  const {url, rescue_url = null, production = false} = value ?? {};
  if (typeof url !== 'string') throw unreadable(file, `target "${name}" has no "url"`);
  if (rescue_url !== null && typeof rescue_url !== 'string') {
    throw unreadable(file, `"rescue_url" of target "${name}" is no text`);
  }
  // A target that is meant to be production must not pass for another because of "yes" or 1.
  if (typeof production !== 'boolean')
    throw unreadable(file, `"production" of target "${name}" is not true or false`);
  return {url, rescue_url, is_production: production};
}

function objectIn(value: unknown, name: string): Record<string, unknown> | null {
  if (typeof value !== 'object' || value === null) return null;
  const member = (value as Record<string, unknown>)[name];
  return typeof member === 'object' && member !== null ? (member as Record<string, unknown>) : null;
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, and the text holds passwords.
    throw unreadable(file, 'it is not JSON');
  }
}

function unreadable(file: string, why: string): AbortError {
  return new AbortError(`${file} cannot be understood: ${why}`, {
    hint: 'It looks like {"targets": {"prod": {"url": "postgres://...", "rescue_url": "...", "production": true}}}.',
    exitCode: exitCodes.usage,
  });
}
