import type pg from 'pg';
import {AbortError, exitCodes} from '../../core/errors.ts';
import type {Connection} from '../../postgres/connect/connect.ts';
import {pastThePooler} from '../../postgres/connect/pooler.ts';
import {transportsOf} from '../../postgres/connect/tls.ts';
import {type SlotSettingsRow, slotSettingsQuery} from '../../postgres/queries/server.ts';
import {refuseWritesOnProduction, type Slots, sessionSettings} from '../../replay/measure/guard.ts';

/**
 * How the measured pools connect: like the watching connection, with the session settings of the guard. Throws
 * AbortError: exit 2 for writes on production, exit 3 for a pooler, which does not apply session settings.
 */
export function toPoolConfig(
  connection: Connection,
  {application_name, allowWrites}: {application_name: string; allowWrites: boolean},
): pg.PoolConfig {
  const {request, is_encrypted, is_pooled} = connection;
  refuseWritesOnProduction({allowWrites, is_production: request.is_production});
  if (is_pooled) throw noReplayThroughPooler();
  if (request.allowed_authentication !== null) throw cannotRequire('require_auth', 'PGREQUIREAUTH');
  if (request.tls.channel_binding === 'require')
    throw cannotRequire('channel_binding=require', 'PGCHANNELBINDING');
  const tls = transportsOf(request).find(attempt => (attempt !== false) === is_encrypted) ?? false;
  const password = request.password();
  return {
    host: request.hostaddr ?? request.host,
    port: request.port,
    user: request.user,
    database: request.database,
    ...(password !== null && {password}),
    application_name,
    // The guard's settings come last, so that an address cannot override them.
    options: `${request.options} ${sessionSettings({allowWrites})}`.trim(),
    ssl: tls === false ? false : (tls as pg.PoolConfig['ssl'] & object),
    ...(tls !== false && {
      sslnegotiation: request.tls.negotiation,
      enableChannelBinding: request.tls.channel_binding !== 'disable',
    }),
    keepAlive: true,
  };
}

/** Reads slots in use, in total and by sessions with this application_name, over the watching connection. */
export function createSlotReader(
  {client, request}: Connection,
  application_name: string,
): () => Promise<Slots> {
  let usable: Promise<number> | null = null;
  return async () => {
    usable ??= readUsable(client);
    const counted = client.query<{used: number; own: number}>({
      text: `SELECT /* poolctl */ count(*)::int4 AS used,
  count(*) FILTER (WHERE application_name = $1)::int4 AS own
FROM pg_stat_activity
WHERE backend_type = 'client backend' OR backend_type IS NULL AND usename IS NOT NULL`,
      values: [application_name],
      query_timeout: request.connect_timeout_ms,
    });
    const [slots, {rows}] = await Promise.all([usable, counted]);
    return {usable: slots, used: rows[0]?.used ?? 0, own: rows[0]?.own ?? 0};
  };
}

async function readUsable(client: Connection['client']): Promise<number> {
  const [variant] = slotSettingsQuery.variants;
  const {rows} = await client.query<SlotSettingsRow>({text: variant?.text ?? '', rowMode: 'array'});
  const [max = 0, superuser = 0, reserved = 0] = rows[0] ?? [];
  return max - superuser - reserved;
}

/** node-postgres does not support these settings, and poolctl must not drop a security requirement silently. */
function cannotRequire(setting: string, variable: string): AbortError {
  return new AbortError(`a replay's pools do not support ${setting}`, {
    hint: `Remove it from the address and unset ${variable}.`,
    exitCode: exitCodes.usage,
  });
}

function noReplayThroughPooler(): AbortError {
  return new AbortError(
    'cannot replay through a connection pooler: it does not apply the session settings that keep a replay read-only',
    {
      hint: pastThePooler,
      exitCode: exitCodes.connection,
    },
  );
}
