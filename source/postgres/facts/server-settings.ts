import type {ServerSettings} from '../../model/server-facts.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery} from '../queries/query.ts';

/** The server's settings that are not at their built-in value. Throws the server's errors. */
export async function readServerSettings({client, server_version_num}: Connection): Promise<ServerSettings> {
  const {text} = pickVariant(serverSettingsQuery, server_version_num);
  const {rows} = await client.query<{loaded_at: string; name: string; value: string | null}>({text});
  const loaded_at = isoTime(rows[0]?.loaded_at ?? null);
  if (loaded_at === null) throw new Error('the server returned no row');
  return {loaded_at, values: Object.fromEntries(rows.map(({name, value}) => [name, value]))};
}

/**
 * - reset_val is the server's value also where this session has set another. Where this connection or its role has one
 *   (client, user, database), the server's is hidden: null.
 * - Commands, connection strings and settings of extensions may hold passwords: of them only a digest.
 */
export const serverSettingsQuery = serverQuery(
  'poolctl_server_settings',
  `
SELECT /* poolctl */ pg_conf_load_time()::text AS loaded_at, s.name,
  CASE WHEN s.source IN ('client', 'user', 'database', 'database user', 'global') THEN NULL
    WHEN s.name ~ '(command|conninfo|password|secret|token|key)' THEN '#' || hashtext(s.reset_val)
    WHEN s.unit IN ('B', 'kB', '8kB', 'MB') AND s.reset_val ~ '^[1-9][0-9]*$'
      THEN pg_size_pretty(s.reset_val::int8 * pg_size_bytes(CASE s.unit WHEN 'B' THEN '1 B' WHEN '8kB' THEN '8 kB'
        ELSE '1 ' || s.unit END))
    ELSE left(s.reset_val, 200) || coalesce(' ' || s.unit, '') END AS value
FROM pg_settings s
WHERE s.context <> 'internal' AND s.source <> 'override'
  AND (s.reset_val IS DISTINCT FROM s.boot_val OR s.source IN ('client', 'user', 'database', 'database user', 'global'))
ORDER BY s.name`,
);
