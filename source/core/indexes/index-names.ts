import {usageError} from '../errors.ts';
import {nearest} from '../text/nearest.ts';

type Named = {schema: string; name: string};

/** More candidates than these are counted, not named. */
const mostNamed = 5;

/**
 * The `schema.name` that was meant, of those there are; the schema may be left out where only one has that name. A
 * name that is nowhere would choose nothing, which reads as an all-clear: it throws AbortError (exit 2), as does one
 * that several schemas have.
 */
export function resolveName(parameter: string, typed: string, known: readonly Named[]): string {
  const exact = known.filter(each => qualified(each) === typed);
  const meant = exact.length > 0 ? exact : known.filter(({name}) => name === typed);
  const [first] = meant;
  if (first === undefined) throw unknown(parameter, typed, known);
  if (meant.length > 1) throw usageError(`${parameter}=${typed} is in more than one schema`, oneOf(meant));
  return qualified(first);
}

export function qualified({schema, name}: Named): string {
  return `${schema}.${name}`;
}

function unknown(parameter: string, typed: string, known: readonly Named[]) {
  const message = `${parameter}=${typed}: there is none of that name here`;
  const elsewhere = known.filter(({name}) => name === typed.split('.').at(-1));
  if (elsewhere.length > 0) return usageError(message, oneOf(elsewhere));
  const written = typed.includes('.') ? qualified : ({name}: Named) => name;
  const near = nearest(typed, known.map(written));
  const alike = known.filter(each => written(each) === near);
  return usageError(message, alike.length > 0 ? oneOf(alike) : known.length > 0 ? oneOf(known) : undefined);
}

function oneOf(candidates: readonly Named[]): string {
  const names = candidates.slice(0, mostNamed).map(qualified);
  if (candidates.length === 1) return `did you mean ${names}?`;
  const more = candidates.length > mostNamed ? ` and ${candidates.length - mostNamed} more` : '';
  return `there are ${names.join(', ')}${more}`;
}
