import {type AuthenticationMethod, authenticationMethods} from './request.ts';

/** Of libpq's methods those that pg does not speak: allowed, they change nothing. */
const unspoken = ['gss', 'sspi', 'oauth'];

/**
 * libpq's require_auth: the methods named, or with `!` before each all others. null allows every method; a text says
 * what is wrong.
 */
export function readRequireAuth(text: string): AuthenticationMethod[] | null | string {
  const words = text.split(',').map(word => word.trim());
  if (words.every(word => word === '')) return null;
  const names = words.map(word => word.replace(/^!/, ''));
  const known: readonly string[] = [...authenticationMethods, ...unspoken];
  const unknown = names.find(name => !known.includes(name));
  if (unknown !== undefined) return `${unknown} is none of ${known.join(', ')}`;
  const negated = words.filter(word => word.startsWith('!')).length;
  if (negated > 0 && negated < words.length) return 'methods with and without ! do not go together';
  return authenticationMethods.filter(method => names.includes(method) === (negated === 0));
}
