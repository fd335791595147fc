import type {Query} from './query.ts';

/** Where HypoPG is installed in this database, and whether it could be. */
export const hypopgQuery: Query = {
  name: 'poolctl_hypopg',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */
  (SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'hypopg'),
  EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = 'hypopg')`,
    },
  ],
};

export type HypopgRow = [schema: string | null, is_available: boolean];
