import type {Catalog} from '../../model/catalog.ts';
import {usageError} from '../errors.ts';
import {nearest} from '../text/nearest.ts';

type TableName = {schema: string; name: string};

/**
 * Tables as `schema.name`, of names with or without their schema. Throws AbortError (exit 2) on one that there is
 * none of, or several.
 */
export function resolveTables(named: readonly string[], catalog: Catalog | undefined): string[] {
  if (named.length === 0) return [];
  if (catalog === undefined) throw usageError('the tables of the database could not be read');
  const {tables} = catalog;
  const resolved = named.map(typed => resolveTable(typed, tables));
  return [...new Set(resolved)];
}

function resolveTable(typed: string, tables: readonly TableName[]): string {
  const whole = tables.map(written);
  if (whole.includes(typed)) return typed;
  const [found, ...others] = tables.filter(({name}) => name === typed).map(written);
  if (found === undefined) throw usageError(`there is no table "${typed}"${nearby(typed, tables)}`);
  if (others.length > 0)
    throw usageError(
      `"${typed}" is several tables: ${[found, ...others].join(', ')}`,
      'name one with its schema',
    );
  return found;
}

function nearby(typed: string, tables: readonly TableName[]): string {
  const bare = nearest(
    typed,
    tables.map(({name}) => name),
  );
  const near = tables.filter(({name}) => name === bare).map(written);
  const names = near.length > 0 ? near : [nearest(typed, tables.map(written))].filter(Boolean);
  return names.length === 0 ? '' : `: did you mean ${names.join(' or ')}?`;
}

function written({schema, name}: TableName): string {
  return `${schema}.${name}`;
}
