import {describe, expect, it} from 'vitest';
import {AbortError} from '../../../source/core/errors.ts';
import {find, type MachineSetup} from './fake-machine.ts';

const refused: [what: string, given: MachineSetup, message: RegExp][] = [
  [
    'Prisma Accelerate',
    {env: {DATABASE_URL: 'prisma://x/?api_key=secret'}},
    /^DATABASE_URL is not a PostgreSQL address: prisma: is Prisma Accelerate$/,
  ],
  ["Prisma's local proxy", {url: 'prisma+postgres://localhost:51213/?api_key=secret'}, /Prisma's own proxy/],
  [
    'MySQL',
    {files: {'/app/.env': 'DATABASE_URL=mysql://u:secret@h/d'}},
    /^DATABASE_URL in .\/.env is .* mysql: is MySQL/,
  ],
  ['SQLite', {env: {DATABASE_URL: 'file:./dev.db'}}, /file: is SQLite/],
  ['Java', {url: 'jdbc:postgresql://h/d'}, /jdbc: is for Java/],
  ['another program', {url: 'postgresql+asyncpg://u:secret@h/d'}, /another program's scheme/],
  ['a typing error', {url: 'postgress://u:secret@h/d'}, /another program's scheme/],
  ['an unknown scheme', {url: 'redis://:secret@h'}, /it begins with redis:/],
  ['no slashes', {url: 'postgres:u:secret@h/d'}, /it has no \/\//],
  ['a bare word', {url: 'secret'}, /it is not a URL/],
  ['broken keywords', {url: "host=h password='secret"}, /neither a URL nor/],
  ['a slash in the password', {url: 'postgres://u:secret/1@h/d'}, /percent-encoded/],
  ['a port out of range', {url: 'postgres://u:secret@h:99999/d'}, /port 99999 is not between/],
  ['several hosts', {url: 'postgres://u:secret@a:1,b:2/d'}, /several hosts/],
  ['several hosts in PGHOST', {env: {PGHOST: 'a,b'}}, /several hosts/],
  [
    'an unknown sslmode',
    {url: 'postgres://u:secret@h/d?sslmode=maybe'},
    /sslmode=maybe is not one of disable, allow/,
  ],
  [
    'sslrootcert=system without verify-full',
    {url: 'postgres://u:secret@h/d?sslmode=require&sslrootcert=system'},
    /needs sslmode=verify-full/,
  ],
  [
    'an unknown service',
    {env: {PGSERVICE: 'nope'}},
    /there is no service "nope" in \/home\/ann\/.pg_service.conf/,
  ],
  [
    'an exported variable in the address of a folder',
    {
      files: {'/app/.env': `DATABASE_URL="postgres://u:\${PGPASSWORD}@evil/d"`},
      env: {PGPASSWORD: 'secret'},
    },
    /^DATABASE_URL in .\/.env refers to PGPASSWORD, which is exported/,
  ],
  [
    "a service of the user's in the address of a folder",
    {
      files: {
        '/app/.env': 'DATABASE_URL=postgres:///d?service=prod&host=evil',
        '/home/ann/.pg_service.conf': '[prod]\nhost=h\npassword=secret',
      },
    },
    /names service "prod"/,
  ],
  [
    'a target and a URL',
    {url: 'postgres://u:secret@h/d', flags: {target: 'prod'}},
    /cannot be used together/,
  ],
  [
    'an invalid rescue URL',
    {url: 'postgres://h/d', env: {POOLCTL_RESCUE_URL: 'secret'}},
    /^POOLCTL_RESCUE_URL is no/,
  ],
];

describe('what is not an address', () => {
  it.each(refused)('%s', (_, given, message) => {
    let error: unknown;
    try {
      find(given);
    } catch (caught) {
      error = caught;
    }
    if (!(error instanceof AbortError)) throw new Error('it was taken for one', {cause: error});
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(2);
    expect(error.hint).toBeTruthy();
    expect(`${error.message} ${error.hint}`).not.toMatch(/secret|\n/);
  });
});
