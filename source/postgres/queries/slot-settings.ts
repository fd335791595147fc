import type {Query} from './query.ts';

/**
 * The settings that limit connection slots. They change only with a restart, so they are read rarely. A setting that this
 * server does not have (reserved_connections before 16, RDS's own) counts as 0.
 */
export const slotSettingsQuery: Query = {
  name: 'poolctl_slot_settings',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ current_setting('max_connections')::int4 AS max_connections,
  current_setting('superuser_reserved_connections')::int4 AS superuser_reserved_connections,
  coalesce(current_setting('reserved_connections', true)::int4, 0)
    + coalesce(current_setting('rds.rds_superuser_reserved_connections', true)::int4, 0) AS reserved_connections`,
    },
  ],
};

export type SlotSettingsRow = [
  max_connections: number,
  superuser_reserved_connections: number,
  reserved_connections: number,
];
