import type {Node} from 'libpg-query';
import {namedObjects} from '../core/sql/named-objects.ts';

/**
 * Functions of PostgreSQL's own that act, or run what their arguments name. The server is asked before a query runs,
 * and lets less through: see reachQuery; these are told without one.
 */
const acting = new RegExp(
  `^(${[
    'pg_(terminate|cancel)_backend|pg_(try_)?advisory_.*|pg_notify|set_config|setseed|nextval|setval',
    'pg_(reload_conf|rotate_logfile|promote|switch_wal|export_snapshot|nextoid|sleep.*|stat_reset.*)',
    'pg_(create|drop|copy|replication|logical|sync|import|restore|clear|log|backup|wal_replay)_.*',
    'pg_(read_file|read_binary_file|stat_file|ls_dir|stat_force_next_flush|extension_config_dump)',
    'lo_.*|loread|lowrite|txid_current|pg_current_xact_id|binary_upgrade_.*|brin_.*|gin_clean_pending_list',
    '(query|table|schema|database|cursor)_to_xml.*|ts_stat|ts_rewrite|(domain|array|record|range)_in|pg_input_.*',
  ].join('|')})$`,
);

/** What a diagnosis or verification calls that it may not, in words; `declared` are the runbook's functions. */
export function functionProblems(node: Node, declared: readonly string[]): string[] {
  return namedObjects(node).flatMap(({kind, schema, name}) => {
    if (kind !== 'function' || declared.includes(`${schema}.${name}`)) return [];
    const isOwn = schema === '' || schema === 'pg_catalog';
    if (!isOwn && schema !== 'information_schema')
      return [`it calls ${schema}.${name}: name it in the front matter, functions: [${schema}.${name}]`];
    return isOwn && acting.test(name) ? [`it only reads, and ${name}() does more`] : [];
  });
}
