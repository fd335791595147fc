/** `watch` reads and cannot write; `act` may. */
export type Purpose = 'watch' | 'act';

const always = {
  // Names and texts of a database in another encoding would arrive garbled.
  client_encoding: 'UTF8',
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  // A definition is read in one session and executed in another: both must write and read its constants and names alike.
  // And a text must be to the server what it is to the parser that lets it through, and to the preview.
  standard_conforming_strings: 'on',
  quote_all_identifiers: 'off',
  transform_null_equals: 'off',
  array_nulls: 'on',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  // Nobody who may create functions or operators in a schema on the role's path gets them run by an operator
  // with more rights (the class of CVE-2018-1058). Everything poolctl runs is qualified or in pg_catalog.
  search_path: 'pg_catalog',
  // Compiling a reading takes longer than the reading, and workers are slots of somebody else.
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
  // Each step says its own timeouts; these hold where it forgets.
  act: {
    statement_timeout: '30000',
    lock_timeout: '2000',
    idle_in_transaction_session_timeout: '30000',
  },
} satisfies Record<Purpose, Record<string, string>>;

/**
 * The startup packet's `options`: every setting of the session, without a round trip. PostgreSQL lets any role set a
 * parameter with a prefix; `marker` read back proves that all of them are in force.
 */
export function sessionOptions(purpose: Purpose, marker: string): string {
  return Object.entries({...always, ...byPurpose[purpose], 'poolctl.marker': marker})
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}

/** The settings of watching for one transaction alone, with its BEGIN, in one text. */
export function beginWatching(): string {
  const {client_encoding: _, ...rest} = always;
  const settings = Object.entries({...rest, ...byPurpose.watch}).map(
    ([name, value]) => `SET LOCAL ${name} = '${value}'`,
  );
  return ['BEGIN READ ONLY', ...settings].join('; ');
}
