import {expect, it} from 'vitest';
import {createLogClock} from '../../../source/core/server/log/log-entry.ts';
import {parseStderrLog} from '../../../source/core/server/log/stderr-log.ts';
import {type LogTail, summariseLog} from '../../../source/core/server/log/summarise-log.ts';

const prefixes: [prefix: string, line: string, fields: Record<string, unknown>][] = [
  [
    '%m [%p] ',
    '2026-11-28 13:04:29.123 UTC [4711] ERROR:  no',
    {at: '2026-11-28T13:04:29.123Z', pid: 4711, usename: null, datname: null, application_name: null},
  ],
  // Debian
  [
    '%m [%p] %q%u@%d ',
    '2026-11-28 13:04:29.123 UTC [4711] app@shop ERROR:  no',
    {pid: 4711, usename: 'app', datname: 'shop'},
  ],
  // A background process ends at %q.
  ['%m [%p] %q%u@%d ', '2026-11-28 13:04:29.123 UTC [4711] ERROR:  no', {pid: 4711, usename: null}],
  // RDS
  [
    '%t:%r:%u@%d:[%p]:',
    '2026-11-28 13:04:29 UTC:10.0.0.7(5432):app@shop:[4711]:ERROR:  no',
    {at: '2026-11-28T13:04:29.000Z', pid: 4711, usename: 'app', datname: 'shop'},
  ],
  // pgBadger
  [
    '%t [%p]: user=%u,db=%d,app=%a,client=%h ',
    '2026-11-28 13:04:29 CET [4711]: user=app,db=shop,app=web, 2,client=10.0.0.7 FATAL:  no',
    {at: '2026-11-28T12:04:29.000Z', pid: 4711, application_name: 'web, 2', severity: 'FATAL'},
  ],
  [
    '%n %e %c ',
    '1795871069.500 23505 6741a2c0.1267 ERROR:  no',
    {at: '2026-11-28T13:04:29.500Z', pid: 0x1267, sqlstate: '23505'},
  ],
  [
    '%-8p|%m|',
    '4711    |2026-07-01 13:04:29.000 -03|ERROR:  no',
    {at: '2026-07-01T16:04:29.000Z', pid: 4711},
  ],
  ['%p ', '4711 [unknown] ERROR:  no', {}],
];

it.each(prefixes)('reads lines with log_line_prefix %s', (prefix, line, fields) => {
  const entries = parseStderrLog(`${line}\n`, {prefix, clock: createLogClock('Europe/Berlin')});
  if (Object.keys(fields).length === 0) expect(entries).toEqual([]);
  else expect(entries).toMatchObject([{message: 'no', ...fields}]);
});

const times: [text: string, zone: string | null, at: string | null][] = [
  ['2026-07-01 13:04:29.123 CEST', 'Europe/Berlin', '2026-07-01T11:04:29.123Z'],
  ['2026-11-28 13:04:29 CET', 'Europe/Berlin', '2026-11-28T12:04:29.000Z'],
  ['2026-11-28 13:04:29 IST', 'Asia/Kolkata', '2026-11-28T07:34:29.000Z'],
  ['2026-11-28 13:04:29 CET', null, null],
  ['2026-11-28 13:04:29 CET', 'No/Zone', null],
  ['2026-11-28 13:04:29 +05:30', null, '2026-11-28T07:34:29.000Z'],
  ['2026-11-28 13:04:29', 'UTC', null],
];

it.each(times)('reads the time %s in %s', (text, zone, at) => {
  expect(createLogClock(zone)(text)).toBe(at);
});

const summarise = (text: string, tail: Partial<LogTail> = {}) =>
  summariseLog({file: '/log', text, prefix: '%m [%p] %q%a/%u@%d ', time_zone: 'UTC', ...tail});
const begin = (pid: number, second = 0) =>
  `2026-11-28 13:04:${String(second).padStart(2, '0')}.000 UTC [${pid}] web/app@shop `;

it('keeps the lines of messages that are mixed apart', () => {
  const {errors} = summarise(
    [
      'he end of a line that was cut',
      '\tof a statement that was cut',
      `${begin(1)}ERROR:  duplicate key value violates unique constraint "a"`,
      `${begin(2)}ERROR:  canceling statement due to statement timeout`,
      `${begin(1)}STATEMENT:  INSERT INTO a`,
      '\tVALUES (1)',
      `${begin(2)}STATEMENT:  SELECT pg_sleep(9)`,
      `${begin(3)}ERROR:  cut he`,
    ].join('\n'),
  );
  expect(errors).toMatchObject([
    {pid: 2, sqlstate: '57014', statement: 'SELECT pg_sleep(9)'},
    {pid: 1, sqlstate: '23505', statement: 'INSERT INTO a\nVALUES (1)', application_name: 'web'},
  ]);
});

it('leaves out where in its statement an error is', () => {
  const line = `${begin(1)}ERROR:  relation "nowhere" does not exist at character 13\n`;
  expect(summarise(line).errors).toMatchObject([
    {sqlstate: '42P01', message: 'relation "nowhere" does not exist'},
  ]);
});

it('counts messages that differ in a value only together', () => {
  const {errors, from, to} = summarise(
    [1, 2, 3]
      .map(second => `${begin(second, second)}ERROR:  invalid input syntax for type integer: "x${second}"\n`)
      .join(''),
  );
  expect(errors).toMatchObject([
    {
      count: 3,
      message: 'invalid input syntax for type integer: "?"',
      first_at: '2026-11-28T13:04:01.000Z',
      last_at: '2026-11-28T13:04:03.000Z',
      pid: 3,
    },
  ]);
  expect([from, to]).toEqual(['2026-11-28T13:04:01.000Z', '2026-11-28T13:04:03.000Z']);
});

it('counts those of the last two minutes apart', () => {
  const at = (time: string) => `2026-11-28 ${time}.000 UTC [7] web/app@shop ERROR:  division by zero\n`;
  expect(summarise(['13:00:00', '13:08:00', '13:09:59'].map(at).join('')).errors).toMatchObject([
    {count: 3, recent_count: 2},
  ]);
});

it('shows no secret', () => {
  const {errors} = summarise(
    `${begin(1)}ERROR:  role "x" exists\n${begin(1)}STATEMENT:  CREATE ROLE x PASSWORD 'hunter2'\n`,
  );
  expect(JSON.stringify(errors)).not.toContain('hunter2');
  expect(errors[0]?.statement).toContain('CREATE ROLE x');
});

it('shows no data of a statement', () => {
  const {errors} = summarise(
    `${begin(1)}ERROR:  value "4711" is out of range for type smallint\n${begin(1)}STATEMENT:  UPDATE users SET name = 'Eve' WHERE id = 1\n`,
  );
  expect(errors).toMatchObject([
    {
      message: 'value "?" is out of range for type smallint',
      statement: 'UPDATE users SET name = ? WHERE id = 1',
    },
  ]);
});

it.each([
  ['value "47"11" is out of range for type smallint', 'value "?" is out of range for type smallint'],
  ['"1e999" is out of range for type double precision', '"?" is out of range for type double precision'],
  ['syntax error at or near "Brien"', 'syntax error at or near "?"'],
  [
    `unterminated quoted string at or near "'Smith, card 4111 1111"`,
    'unterminated quoted string at or near "?"',
  ],
  ['invalid input syntax for type json: "{"ssn": "123-45', 'invalid input syntax for type json: "?"'],
  ['value "Smith "', 'value "?"'],
  [
    'duplicate key value violates unique constraint "users_email_key"',
    'duplicate key value violates unique constraint "users_email_key"',
  ],
  ['relation "orders" does not exist', 'relation "orders" does not exist'],
  ['could not open file "base/1/2": No such file', 'could not open file "base/1/2": No such file'],
])('shows of %s no data', (message, expected) => {
  expect(summarise(`${begin(1)}ERROR:  ${message}\n`).errors).toMatchObject([{message: expected}]);
});

it('shows no data of the context of a deadlock', () => {
  const {deadlocks} = summarise(
    [
      `${begin(7)}ERROR:  deadlock detected`,
      `${begin(7)}DETAIL:  Process 7 waits for ShareLock on transaction 9; blocked by process 8.`,
      '\tProcess 8 waits for ShareLock on transaction 5; blocked by process 7.',
      `${begin(7)}CONTEXT:  while updating tuple (0,1) in relation "users"`,
      `\tSQL statement "UPDATE "users"`,
      `\tSET ssn = '123-45-6789'"`,
      '\tPL/pgSQL function transfer(integer) line 3 at SQL statement',
      `\tCOPY users, line 2, column ssn: "987-65"`,
      '',
    ].join('\n'),
  );
  expect(deadlocks).toMatchObject([
    {
      context: [
        'while updating tuple (0,1) in relation "users"',
        'SQL statement "UPDATE "users"\nSET ssn = ?"',
        'PL/pgSQL function transfer(integer) line 3 at SQL statement',
        'COPY users, line 2, column ssn: "?"',
      ].join('\n'),
    },
  ]);
});

it('takes no comma of a message for a CSV record', () => {
  const list = Array.from({length: 40}, (_, at) => at).join(',');
  expect(summarise(`${begin(1)}ERROR:  too many, ${list}\n`).errors).toMatchObject([{pid: 1}]);
});

it('leaves out what is cut of a CSV log', () => {
  const record = (message: string) =>
    `2026-11-28 13:04:29.123 UTC,"app","shop",4711,"[local]",6741.1,1,"SELECT",2026-11-28 13:00:00 UTC,3/4,0,ERROR,57014,"${message}",,,,,,"SELECT ""a"",\n1",,,"web","client backend",,0\n`;
  const {errors, problem} = summarise(
    `b"",\n1",,,"web","client backend",,0\n${record('one')}${record('two')}${record('three').slice(0, 90)}`,
  );
  expect(errors).toMatchObject([
    {
      message: 'two',
      sqlstate: '57014',
      statement: 'SELECT "a",\n1',
      application_name: 'web',
      datname: 'shop',
    },
    {message: 'one', pid: 4711},
  ]);
  expect(problem).toBeNull();
});

it('reads a JSON log, and no line that is cut', () => {
  const line = JSON.stringify({
    ...{
      timestamp: '2026-11-28 13:04:29.123 UTC',
      user: 'app',
      dbname: 'shop',
      pid: 4711,
      error_severity: 'ERROR',
    },
    ...{
      state_code: '25006',
      message: 'cannot execute INSERT in a read-only transaction',
      statement: 'INSERT',
    },
    application_name: 'web',
  });
  const {errors} = summarise(`${line.slice(40)}\n${line}\n${line.slice(0, 90)}`);
  expect(errors).toMatchObject([{count: 1, sqlstate: '25006', usename: 'app', statement: 'INSERT'}]);
});

it.each([
  ['', null],
  ['4711 hello\n', /log_line_prefix/],
  [`${begin(1)}LOG:  checkpoint\n`, null],
])('says what keeps %j from being read', (text, problem) => {
  const {problem: found} = summarise(text);
  if (problem === null) expect(found).toBeNull();
  else expect(found).toMatch(problem);
});

it('reads who waited for whom in a deadlock', () => {
  const {deadlocks} = summarise(
    [
      `${begin(7)}ERROR:  deadlock detected`,
      `${begin(7)}DETAIL:  Process 7 waits for ShareLock on transaction 90; blocked by process 8.`,
      '\tProcess 8 waits for ShareLock on transaction 91; blocked by process 7.',
      '\tProcess 7: UPDATE orders',
      '\tSET a = 1',
      '\tProcess 8: UPDATE lines SET b = 2',
      `${begin(7)}HINT:  See server log for query details.`,
      `${begin(7)}CONTEXT:  while updating tuple (0,1) in relation "orders"`,
      `${begin(7)}STATEMENT:  UPDATE orders`,
      '',
    ].join('\n'),
  );
  expect(deadlocks).toEqual([
    {
      at: '2026-11-28T13:04:00.000Z',
      context: 'while updating tuple (0,1) in relation "orders"',
      processes: [
        {
          pid: 7,
          blocked_by: 8,
          waits_for: 'ShareLock on transaction 90',
          statement: 'UPDATE orders\nSET a = 1',
        },
        {
          pid: 8,
          blocked_by: 7,
          waits_for: 'ShareLock on transaction 91',
          statement: 'UPDATE lines SET b = 2',
        },
      ],
    },
  ]);
});
