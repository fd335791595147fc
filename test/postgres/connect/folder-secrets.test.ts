import {describe, expect, it} from 'vitest';
import {find, type MachineSetup} from './fake-machine.ts';

/** A folder whose .env names the host `evil`, on a machine with every kind of secret. */
const folder = (address: string, setup: MachineSetup = {}) =>
  find({
    ...setup,
    env: {PGSSLCERT: '/home/ann/ann.crt', PGSSLKEY: '/home/ann/ann.key', ...setup.env},
    files: {'/app/.env': `DATABASE_URL=${address}`, ...setup.files},
  });

describe('a host that ./.env names', () => {
  it.each<[string, MachineSetup, string]>([
    ['PGPASSWORD', {env: {PGPASSWORD: 'secret'}}, 'PGPASSWORD'],
    [
      'a line of ~/.pgpass for any host',
      {files: {'/home/ann/.pgpass': '*:*:*:*:secret'}},
      'a line with * in /home/ann/.pgpass',
    ],
    [
      'a line for any port there',
      {files: {'/home/ann/.pgpass': 'evil:*:*:*:secret'}},
      'a line with * in /home/ann/.pgpass',
    ],
    [
      'a line of PGPASSFILE',
      {env: {PGPASSFILE: '/pw'}, files: {'/pw': '*:5432:d:u:secret'}},
      'a line with * in /pw',
    ],
  ])('gets no password from %s, which is reported', (_, setup, withheld) => {
    const request = folder('postgres://u@evil/d', setup);
    expect([request.password(), request.password_source, request.password_withheld]).toEqual([
      null,
      null,
      withheld,
    ]);
    expect(request.origin).toEqual({kind: 'folder'});
  });

  it('gets no password of another role', () => {
    const request = folder('postgres://u:p@evil/d', {flags: {user: 'root'}, env: {PGPASSWORD: 'secret'}});
    expect([request.user, request.password(), request.password_withheld]).toEqual([
      'root',
      null,
      'PGPASSWORD',
    ]);
  });

  it('gets no password from a file that .env names, nor as a socket in a world-writable folder', () => {
    const files = {'/home/ann/.pgpass': 'localhost:5432:*:*:secret', '/home/ann/keys': '*:*:*:*:secret'};
    expect(folder('postgres://u@evil/d?passfile=/home/ann/keys', {files}).password()).toBeNull();
    expect(folder('postgres://u@/d?host=/tmp', {files}).password()).toBeNull();
  });

  it('gets the password in its URL, and one from a .pgpass line for exactly this host and port', () => {
    expect(folder('postgres://u:own@evil/d', {env: {PGPASSWORD: 'secret'}}).password()).toBe('own');
    const files = {'/home/ann/.pgpass': '*:*:*:*:secret\nevil:5432:*:u:right'};
    expect(folder('postgres://u@evil/d', {files})).toMatchObject({
      password_source: '/home/ann/.pgpass',
      password_withheld: null,
    });
    expect(folder('postgres://u@evil/d', {files}).password()).toBe('right');
  });

  it('cannot be connected to at another address (hostaddr)', () => {
    const setup = {files: {'/home/ann/.pgpass': 'good:5432:d:u:right'}};
    expect(() => folder('postgres://u@good/d?hostaddr=192.0.2.1', setup)).toThrow(
      /names host good but connects to 192\.0\.2\.1/,
    );
  });

  it.each([
    ['disable', 'verify-full', 'verify-full'],
    ['verify-full', 'prefer', 'verify-full'],
    ['require', '', 'require'],
    ['', 'verify-ca', 'verify-ca'],
  ])('cannot weaken TLS: .env has %s, PGSSLMODE is %s', (inFile, exported, mode) => {
    const query = inFile === '' ? '' : `?sslmode=${inFile}&sslrootcert=theirs&channel_binding=disable`;
    const env = {PGSSLMODE: exported, PGSSLROOTCERT: '/mine', PGCHANNELBINDING: 'require'};
    expect(folder(`postgres://u@good/d${query}`, {env}).tls).toMatchObject({
      mode,
      root_certificate: {path: '/mine'},
      channel_binding: 'require',
    });
  });

  it('gets only a client certificate that .env names', () => {
    expect(folder('postgres://u@evil/d').tls.certificate).toBeNull();
    expect(folder('postgres://u@evil/d?sslcert=c&sslkey=k').tls).toMatchObject({
      certificate: {path: '/app/c'},
      key: {path: '/app/k'},
    });
  });
});

it.each<[string, MachineSetup]>([
  ['the call', {url: 'postgres://u@h/d'}],
  ['an exported variable', {env: {DATABASE_URL: 'postgres://u@h/d'}}],
])('a host that %s names gets the same secrets as from libpq', (_, setup) => {
  const env = {...setup.env, PGPASSWORD: 'mine', PGSSLCERT: '/c', PGSSLKEY: '/k'};
  const request = find({...setup, env, files: {'/app/.env': 'DATABASE_URL=postgres://u@evil/d'}});
  expect([request.host, request.password(), request.tls.certificate?.path]).toEqual(['h', 'mine', '/c']);
});
