import {describe, expect, it} from 'vitest';
import {applyChange, invertChange} from '../../../source/core/engine/step.ts';
import {poolerChanges, readPoolerFile} from '../../../source/core/pool/pgbouncer-ini.ts';

const settings = {
  pool_mode: 'transaction',
  max_client_conn: 550,
  default_pool_size: 77,
  max_db_connections: 77,
};

const typical = `[databases]
shop = host=db password=secret pool_size=5

[pgbouncer]
;default_pool_size = 20
pool_mode = session
default_pool_size = 20
listen_port = 6432
`;

it('a change replaces lines that differ and adds missing ones; undo restores the file', () => {
  const changes = poolerChanges(readPoolerFile('/p.ini', typical), settings).map(({change}) => change);
  const changed = changes.reduce<string>((text, change) => String(applyChange(text, change)), typical);
  expect(changed).toBe(`[databases]
shop = host=db password=secret pool_size=5

[pgbouncer]
;default_pool_size = 20
pool_mode = transaction
default_pool_size = 77
max_client_conn = 550
max_db_connections = 77
listen_port = 6432
`);
  expect(changes).toHaveLength(1);
  const back = changes
    .toReversed()
    .reduce<string>((text, change) => String(applyChange(text, invertChange(change))), changed);
  expect(back).toBe(typical);
  expect(poolerChanges(readPoolerFile('/p.ini', changed), settings)).toEqual([]);
  expect(JSON.stringify(changes)).not.toContain('secret');
});

it('a change replaces only values; undo restores them', () => {
  const text =
    '\ufeff[pgbouncer]\r\n pool_mode=session \r\nmax_client_conn\t=\t100\r\n; caf\udce9\r\ndefault_pool_size =20\r\nmax_db_connections = 77';
  const changes = poolerChanges(readPoolerFile('/p.ini', text), settings).map(({change}) => change);
  const changed = changes.reduce<string>((all, change) => String(applyChange(all, change)), text);
  expect(changed).toBe(
    '\ufeff[pgbouncer]\r\n pool_mode=transaction \r\nmax_client_conn\t=\t550\r\n; caf\udce9\r\ndefault_pool_size =77\r\nmax_db_connections = 77',
  );
  const back = changes
    .toReversed()
    .reduce<string>((all, change) => String(applyChange(all, invertChange(change))), changed);
  expect(back).toBe(text);
});

it('a change replaces a whole value', () => {
  const text = '[pgbouncer]\npool_mode = session\rtransaction\u2028 ; x\n';
  const [change] = poolerChanges(readPoolerFile('/p.ini', text), settings);
  expect(change && applyChange(text, change.change)).toContain('\npool_mode = transaction\nmax_client_conn');
});

it('a change of separate lines replaces each on its own', () => {
  const text =
    '[pgbouncer]\nmax_db_connections = 9\nlisten_port = 1\ndefault_pool_size = 9\npool_mode = session\nmax_client_conn = 550\n';
  const changes = poolerChanges(readPoolerFile('/p.ini', text), settings);
  expect(changes.map(({names, diff}) => ({names, diff}))).toEqual([
    {names: ['max_db_connections'], diff: ['-max_db_connections = 9', '+max_db_connections = 77']},
    {
      names: ['default_pool_size', 'pool_mode'],
      diff: [
        '-default_pool_size = 9',
        '-pool_mode = session',
        '+default_pool_size = 77',
        '+pool_mode = transaction',
      ],
    },
  ]);
});

it.each([
  ['the header is the first line', '[pgbouncer]\npool_mode=transaction\n'],
  ['the file ends without a line end', '[databases]\n[pgbouncer]'],
  ['the line ends are CRLF', '[pgbouncer]\r\npool_mode = session\r\n'],
])('a change works if %s', (_, text) => {
  const changes = poolerChanges(readPoolerFile('/p.ini', text), settings).map(({change}) => change);
  const changed = changes.reduce<string>((all, change) => String(applyChange(all, change)), text);
  expect(readPoolerFile('/p.ini', changed).problem).toBeNull();
  expect(poolerChanges(readPoolerFile('/p.ini', changed), settings)).toEqual([]);
});

describe('a change is refused for', () => {
  it.each([
    ['no file', null],
    ['a file without its section', '[databases]\n'],
    ['a setting that is set twice', '[pgbouncer]\npool_mode = session\npool_mode = transaction\n'],
  ])('%s', (_, text) => {
    const file = readPoolerFile('/p.ini', text);
    expect(file.problem).not.toBeNull();
    expect(poolerChanges(file, settings)).toEqual([]);
  });
});
