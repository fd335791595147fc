import type {Query} from './query.ts';

/**
 * The texts of the statements in `$1`. Reading any text reads the file of all texts (10 ms for 5,000), so only visible
 * ones are requested, once each. poolctl's own are returned too, so that they can be left out: on an idle server they
 * would be the costliest.
 */
export const statementTextsQuery: Query = {
  name: 'poolctl_statement_texts',
  versioned_by: 'pg_stat_statements',
  variants: [
    {
      floor: 108,
      text: `
SELECT /* poolctl */ p.queryid::text, p.dbid, p.userid,
  CASE WHEN octet_length(p.query) > 100000 THEN left(p.query, 100000) ELSE p.query END AS query,
  o.is_own
FROM {schema}.pg_stat_statements(true) p
CROSS JOIN LATERAL (
  SELECT (starts_with(p.query, 'SELECT /* poolctl */') OR starts_with(p.query, 'WITH /* poolctl */'))
    AND p.userid = (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user) AS is_own
) o
WHERE p.queryid = ANY ($1::int8[]) OR o.is_own`,
    },
  ],
};

export type StatementTextRow = [
  queryid: string,
  dbid: number,
  userid: number,
  query: string | null,
  is_own: boolean | null,
];
