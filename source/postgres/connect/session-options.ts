/** A session that watches cannot write; one that acts can. */
export type Purpose = 'watch' | 'act';

const always = {
  // Otherwise names and texts of a database in another encoding arrive garbled.
  client_encoding: 'UTF8',
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  // A definition is read in one session and executed in another, so both must print and parse constants and names alike;
  // and the server must parse a text as the preview and poolctl's own parser do.
  standard_conforming_strings: 'on',
  quote_all_identifiers: 'off',
  transform_null_equals: 'off',
  array_nulls: 'on',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  // Otherwise a role that may create functions or operators in a schema of the path could have them run with
  // poolctl's privileges (as in CVE-2018-1058). Everything poolctl runs is qualified or in pg_catalog.
  search_path: 'pg_catalog',
  // Compiling a query takes longer than running it, and parallel workers take resources of the application's.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  client_min_messages: 'warning',
};

const byPurpose = {
  watch: {
    default_transaction_read_only: 'on',
    statement_timeout: '3000',
    lock_timeout: '500',
    idle_in_transaction_session_timeout: '5000',
  },
  // Each step sets its own timeouts; these are the fallback.
  act: {
    statement_timeout: '30000',
    lock_timeout: '2000',
    idle_in_transaction_session_timeout: '30000',
  },
} satisfies Record<Purpose, Record<string, string>>;

/**
 * Every setting of the session for the startup packet's `options`, which costs no round trip. `marker` read back proves
 * that they are in force; any role may set a parameter with a prefix.
 */
export function sessionOptions(purpose: Purpose, marker: string): string {
  return Object.entries({...always, ...byPurpose[purpose], 'poolctl.marker': marker})
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}

/** BEGIN and the settings of a session that watches, for one transaction, as one text. */
export function beginWatching(): string {
  const {client_encoding: _, ...rest} = always;
  const settings = Object.entries({...rest, ...byPurpose.watch}).map(
    ([name, value]) => `SET LOCAL ${name} = '${value}'`,
  );
  return ['BEGIN READ ONLY', ...settings].join('; ');
}
