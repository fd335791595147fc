import type {Act} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {writeText} from '../../recipe/parameters.ts';
import {rewriteMs} from '../../server/widening.ts';
import {formatAge, formatBytes, formatCount} from '../../text/format.ts';
import {type SequenceState, shortName} from './sequence-state.ts';

/** The acts for a column or sequence that is full or will be. */
export function actsOf({use, full, limits}: SequenceState): Act[] {
  const {table, name, schema, column_max, max_value} = use;
  if (table === null || column_max === null) {
    return [
      {
        recipe: null,
        params: {},
        title: `raise the limit of ${shortName({schema, name})}: ALTER SEQUENCE ... NO MAXVALUE, if what uses it can hold more`,
        frees: null,
        costs: 'no column depends on it: find what calls nextval() first',
      },
    ];
  }
  const params = {table: writeText(`${table.schema}.${table.name}`), column: writeText(table.column)};
  if (BigInt(column_max) > BigInt(max_value)) {
    return [
      {
        recipe: 'widen-column',
        params,
        title: `widen sequence ${shortName({schema, name})}: ${table.column} is ${table.type} and holds more`,
        frees: full === null ? null : 'INSERT works again immediately',
        costs: 'INSERT waits for milliseconds; nothing is rewritten',
      },
    ];
  }
  if (table.type === 'bigint') {
    return [
      {
        recipe: 'widen-column',
        params,
        title: `widen ${limits[0]?.name ?? 'the column that refers to it'} to bigint`,
        frees: full === null ? null : 'INSERT works again once it has committed',
        costs: 'rewrites its table under an ACCESS EXCLUSIVE lock; refused if that takes long',
      },
    ];
  }
  const size = `${formatCount(table.rows)} rows, ${formatBytes(table.size_bytes)}`;
  const lock_ms = rewriteMs(table.size_bytes);
  const widen: Act = {
    recipe: 'widen-column',
    params,
    title: `widen ${shortName(table)}.${table.column} and the columns that refer to it to bigint`,
    frees: full === null ? null : 'INSERT works again once it has committed',
    costs: `rewrites ${size} under an ACCESS EXCLUSIVE lock: reads and writes of the table wait for about ${formatAge(Math.max(1000, lock_ms))}`,
  };
  const stopgap: Act = {
    recipe: 'widen-column',
    params: {...params, method: 'negative'},
    title: `stopgap: let ${shortName({schema, name})} continue with negative values`,
    frees: full === null ? null : 'INSERT works again immediately',
    costs: 'ids become negative and no longer order by age; the column still has to be widened',
  };
  const staged: Act = {
    recipe: 'widen-column',
    params: {...params, method: 'staged'},
    title: 'widen in stages: a new column, a trigger, a backfill, a swap (SQL to run by hand)',
    frees: null,
    costs: `no table is locked for long; the backfill of ${size} takes its time`,
  };
  if (lock_ms <= thresholds.exclusive_lock_ms.warning) return [widen, stopgap];
  return full === null ? [staged, stopgap] : [stopgap, staged];
}
