import {usageError} from '../../core/errors.ts';
import type {Endpoint, Variant} from '../../replay/endpoint/endpoint.ts';
import type {ReplayOptions} from './options.ts';

/** The variants asked for, in that order, so that what is compared stands side by side. Throws AbortError (exit 2). */
export function selectVariants(endpoint: Endpoint, {variants}: Pick<ReplayOptions, 'variants'>): Variant[] {
  const names = endpoint.variants.map(({name}) => name);
  const unknown = variants?.find(name => !names.includes(name));
  if (unknown !== undefined) {
    throw usageError(`${endpoint.file} has no variant "${unknown}"`, `It has ${names.join(', ')}.`);
  }
  return (variants ?? names).flatMap(name => endpoint.variants.find(each => each.name === name) ?? []);
}
