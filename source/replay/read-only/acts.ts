/**
 * What a text does in spite of a READ ONLY transaction and its rollback: over another connection, with files and programs,
 * to other sessions or to the server as a whole. By its words: what a function of the database does is not seen.
 * null: nothing.
 */
export function actInSpite(text: string): string | null {
  if (!mayAct.test(text)) return null;
  const name = call.exec(text)?.[1];
  if (name !== undefined) return `${name.toLowerCase()}()`;
  return copyOut.test(text) ? 'COPY TO a file or a program' : null;
}

/** Asked first, of every new text. */
const mayAct = /copy|dblink|lo_export|pg_/i;

const call = new RegExp(
  `\\b(${[
    'dblink\\w*|lo_export',
    'pg_(?:terminate|cancel)_backend|pg_log_(?:backend|query)_\\w+',
    'pg_reload_conf|pg_rotate_logfile|pg_promote|pg_wal_replay_(?:pause|resume)',
    'pg_switch_wal|pg_create_restore_point|pg_logical_emit_message|pg_(?:backup_)?(?:start|stop)(?:_backup)?',
    'pg_(?:create|drop|copy|sync)_\\w*replication_slots?|pg_logical_slot_get_\\w+|pg_replication_(?:slot|origin)_\\w+',
    'pg_stat_\\w*reset\\w*|pg_file_\\w+',
  ].join('|')})"?\\s*\\(`,
  'i',
);

/** COPY FROM writes a table, which the server refuses by itself. */
const copyOut = /(?:^|;|\bbegin\b)\s*copy\b[^;]*\bto\b(?!\s+stdout\b)/i;
