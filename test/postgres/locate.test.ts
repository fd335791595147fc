import {describe, expect, it} from 'vitest';
import {AbortError} from '../../source/core/errors.ts';
import type {ConnectionRequest} from '../../source/postgres/connection-request.ts';
import type {Machine} from '../../source/postgres/local-machine.ts';
import {type LocateFlags, locate} from '../../source/postgres/locate.ts';

type File = string | {text: string; mode: number};

type Given = {
  url?: string;
  flags?: LocateFlags;
  env?: Record<string, string>;
  files?: Record<string, File>;
};

function machineOf({env = {}, files = {}}: Given): Machine {
  return {
    env,
    cwd: '/app',
    home: '/home/ann',
    os_user: 'ann',
    platform: 'linux',
    readFile: path => {
      const file = files[path];
      return file === undefined ? null : typeof file === 'string' ? file : file.text;
    },
    fileMode: path => {
      const file = files[path];
      return file === undefined ? null : typeof file === 'string' ? 0o100600 : file.mode;
    },
  };
}

function find(given: Given): ConnectionRequest {
  return locate({url: given.url, flags: given.flags ?? {}, machine: machineOf(given)});
}

/** What most rows are about: `user:password@host:port/database`, and where it was found. */
function summary(request: ConnectionRequest): string {
  const {user, host, port, database, source} = request;
  return `${user}:${request.password() ?? ''}@${host}:${port}/${database} from ${source}`;
}

const config = (targets: unknown) => ({'/home/ann/.config/poolctl/config.json': JSON.stringify({targets})});
const prod = {
  url: 'postgres://app:pw@prod:5432/shop',
  rescue_url: 'postgres://root:rpw@prod/shop',
  production: true,
};

const found: [what: string, given: Given, expected: string][] = [
  ['nothing at all', {}, "ann:@localhost:5432/ann from PostgreSQL's defaults"],
  [
    'a socket where Debian has it',
    {files: {'/var/run/postgresql/.s.PGSQL.5432': ''}},
    "ann:@/var/run/postgresql:5432/ann from PostgreSQL's defaults",
  ],
  [
    'a socket in /tmp, on another port',
    {env: {PGPORT: '5433'}, files: {'/tmp/.s.PGSQL.5433': '', '/var/run/postgresql/.s.PGSQL.5432': ''}},
    'ann:@/tmp:5433/ann from PGPORT',
  ],
  ['a URL', {url: 'postgres://u:p@h:6000/d'}, 'u:p@h:6000/d from the address given'],
  ['the long scheme', {url: 'postgresql://u:p@h/d'}, 'u:p@h:5432/d from the address given'],
  ['a scheme in capitals', {url: 'POSTGRES://u@h/d'}, 'u:@h:5432/d from the address given'],
  ['the database is called as the user', {url: 'postgres://bob@h'}, 'bob:@h:5432/bob from the address given'],
  [
    'percent-encoding',
    {url: 'postgres://a%40b:p%2Fq%3A@h/d%20e'},
    'a@b:p/q:@h:5432/d e from the address given',
  ],
  ['a stray percent sign', {url: 'postgres://u:100%sure@h/d'}, 'u:100%sure@h:5432/d from the address given'],
  [
    'an unencoded @ in the password',
    {url: 'postgres://u:p@ss@h/d'},
    'u:p@ss@h:5432/d from the address given',
  ],
  ['an unencoded ? and # in it', {url: 'postgres://u:p?#w@h/d'}, 'u:p?#w@h:5432/d from the address given'],
  ['an @ in the query alone', {url: 'postgres://u:p@h/d?options=a@b'}, 'u:p@h:5432/d from the address given'],
  ['a plus is a plus', {url: 'postgres://u:a+b@h/d'}, 'u:a+b@h:5432/d from the address given'],
  ['IPv6', {url: 'postgres://u@[::1]:6000/d'}, 'u:@::1:6000/d from the address given'],
  ['a socket by ?host=', {url: 'postgres://u@/d?host=/tmp/x'}, 'u:@/tmp/x:5432/d from the address given'],
  ['a socket by %2F', {url: 'postgres://u@%2Ftmp%2Fx:6000/d'}, 'u:@/tmp/x:6000/d from the address given'],
  [
    'everything in the query',
    {url: 'postgresql:///?host=h&port=6000&user=u&password=p&dbname=d'},
    'u:p@h:6000/d from the address given',
  ],
  [
    'keywords',
    {url: "host=h port=6000 user=u password='it\\'s' dbname=d"},
    "u:it's@h:6000/d from the address given",
  ],
  [
    'quotes that Docker keeps',
    {env: {DATABASE_URL: '"postgres://u:p@h/d"'}},
    'u:p@h:5432/d from DATABASE_URL',
  ],
  [
    'holes are filled from the environment',
    {url: 'postgres:///d', env: {PGHOST: 'eh', PGUSER: 'eu', PGPASSWORD: 'ep', PGPORT: '7000'}},
    'eu:ep@eh:7000/d from the address given',
  ],
  [
    'POOLCTL_DATABASE_URL comes first',
    {
      env: {
        POOLCTL_DATABASE_URL: 'postgres://u@one/d',
        DIRECT_URL: 'postgres://u@two/d',
        DATABASE_URL: 'postgres://u@three/d',
        PGHOST: 'four',
      },
    },
    'u:@one:5432/d from POOLCTL_DATABASE_URL',
  ],
  [
    'DIRECT_URL before DATABASE_URL',
    {env: {DIRECT_URL: 'postgres://u@two/d', DATABASE_URL: 'postgres://u@three/d'}},
    'u:@two:5432/d from DIRECT_URL',
  ],
  [
    'DATABASE_URL before PGHOST',
    {env: {DATABASE_URL: 'postgres://u@three/d', PGHOST: 'four'}},
    'u:@three:5432/d from DATABASE_URL',
  ],
  [
    './.env',
    {files: {'/app/.env': 'DATABASE_URL="postgres://u:p@h/d"\n'}},
    'u:p@h:5432/d from DATABASE_URL in ./.env',
  ],
  [
    'DIRECT_URL of ./.env before its DATABASE_URL',
    {files: {'/app/.env': 'DATABASE_URL=postgres://u@pooler/d\nexport DIRECT_URL=postgres://u@direct/d'}},
    'u:@direct:5432/d from DIRECT_URL in ./.env',
  ],
  [
    'the process before ./.env',
    {env: {DATABASE_URL: 'postgres://u@call/d'}, files: {'/app/.env': 'DIRECT_URL=postgres://u@file/d'}},
    'u:@call:5432/d from DATABASE_URL',
  ],
  [
    'POOLCTL_DATABASE_URL of ./.env before the process: it is for poolctl alone',
    {
      env: {DATABASE_URL: 'postgres://u@call/d'},
      files: {'/app/.env': 'POOLCTL_DATABASE_URL=postgres://u@file/d'},
    },
    'u:@file:5432/d from POOLCTL_DATABASE_URL in ./.env',
  ],
  [
    'variables within ./.env',
    {files: {'/app/.env': `PW=s3$cret\nDATABASE_URL="postgres://u:\${PW}@\${DBHOST}/d"`}, env: {DBHOST: 'h'}},
    'u:s3$cret@h:5432/d from DATABASE_URL in ./.env',
  ],
  ['an empty variable is none', {env: {DATABASE_URL: '', PGHOST: 'h'}}, 'ann:@h:5432/ann from PGHOST'],
  [
    'libpq variables',
    {env: {PGHOST: 'h', PGPORT: '6000', PGUSER: 'u', PGDATABASE: 'd', PGPASSWORD: 'p'}},
    'u:p@h:6000/d from PGHOST, PGPORT, PGDATABASE, PGUSER',
  ],
  [
    'PGSERVICE before PGHOST',
    {
      env: {PGSERVICE: 'shop', PGHOST: 'four'},
      files: {
        '/home/ann/.pg_service.conf':
          '# mine\n[other]\nhost=x\n\n[shop]\nhost=h\nport=6000\nuser=u\ndbname=d\n[z]\nhost=y',
      },
    },
    'u:@h:6000/d from service "shop" (PGSERVICE)',
  ],
  [
    'PGSERVICEFILE, and a password in it',
    {env: {PGSERVICE: 'shop', PGSERVICEFILE: '/s'}, files: {'/s': '[shop]\nhost=h\nuser=u\npassword=p'}},
    'u:p@h:5432/u from service "shop" (PGSERVICE)',
  ],
  [
    'the system-wide service file',
    {
      env: {PGSERVICE: 'shop', PGSYSCONFDIR: '/etc/pg'},
      files: {'/etc/pg/pg_service.conf': '[shop]\nhost=h\nuser=u'},
    },
    'u:@h:5432/u from service "shop" (PGSERVICE)',
  ],
  [
    'a service in a URL',
    {
      url: 'postgres:///d?service=shop',
      files: {'/home/ann/.pg_service.conf': '[shop]\nhost=h\nuser=u\ndbname=x'},
    },
    'u:@h:5432/d from the address given',
  ],
  [
    'flags alone',
    {flags: {host: 'h', port: '6000', user: 'u', database: 'd'}},
    'u:@h:6000/d from the command line',
  ],
  [
    '-h names another server than the URLs of the environment',
    {flags: {host: 'h'}, env: {DATABASE_URL: 'postgres://u:p@other/d', PGUSER: 'eu'}},
    'eu:@h:5432/eu from the command line',
  ],
  [
    '-d over a URL of the environment',
    {flags: {database: 'postgres'}, env: {DATABASE_URL: 'postgres://u:p@h/d'}},
    'u:p@h:5432/postgres from DATABASE_URL',
  ],
  [
    "-U leaves the other role's password behind",
    {flags: {user: 'root'}, env: {DATABASE_URL: 'postgres://u:p@h/d', PGPASSWORD: 'ep'}},
    'root:ep@h:5432/d from DATABASE_URL',
  ],
  [
    '-p goes past a pooler',
    {url: 'postgres://u:p@h:6432/d', flags: {port: 5432}},
    'u:p@h:5432/d from the address given',
  ],
  ['-d with a URL', {flags: {database: 'postgres://u:p@h/d'}}, 'u:p@h:5432/d from the address of -d'],
  ['-h with a socket', {flags: {host: '/tmp', user: 'u'}}, 'u:@/tmp:5432/u from the command line'],
  [
    'a profile',
    {flags: {target: 'prod'}, files: config({prod})},
    'app:pw@prod:5432/shop from target "prod" in /home/ann/.config/poolctl/config.json',
  ],
  [
    'a profile under XDG_CONFIG_HOME, before the environment',
    {
      flags: {target: 'x'},
      env: {XDG_CONFIG_HOME: '/c', DATABASE_URL: 'postgres://u@h/d'},
      files: {'/c/poolctl/config.json': '{"targets": {"x": {"url": "postgres://u@x/d"}}}'},
    },
    'u:@x:5432/d from target "x" in /c/poolctl/config.json',
  ],
  [
    'the password file',
    {
      url: 'postgres://u@h/d',
      files: {'/home/ann/.pgpass': '# all\n\nh:5432:other:u:no\nh:*:d:u:yes:rest\n*:*:*:*:late'},
    },
    'u:yes@h:5432/d from the address given',
  ],
  [
    'escapes in the password file',
    {url: 'postgres://u@[::1]/d', files: {'/home/ann/.pgpass': '\\:\\:1:5432:d:u:a\\:b\\\\c'}},
    'u:a:b\\c@::1:5432/d from the address given',
  ],
  [
    'PGPASSFILE, and a socket counts as localhost',
    {url: 'postgres://u@/d?host=/tmp', env: {PGPASSFILE: '/pw'}, files: {'/pw': 'localhost:5432:d:u:p'}},
    'u:p@/tmp:5432/d from the address given',
  ],
  [
    'PGPASSWORD before the password file',
    {url: 'postgres://u@h/d', env: {PGPASSWORD: 'ep'}, files: {'/home/ann/.pgpass': '*:*:*:*:fp'}},
    'u:ep@h:5432/d from the address given',
  ],
  [
    'a password file that others may read is left alone',
    {url: 'postgres://u@h/d', files: {'/home/ann/.pgpass': {text: '*:*:*:*:fp', mode: 0o100644}}},
    'u:@h:5432/d from the address given',
  ],
];

describe('where the server is', () => {
  it.each(found)('%s', (_, given, expected) => {
    expect(summary(find(given))).toBe(expected);
  });
});

const refused: [what: string, given: Given, message: RegExp][] = [
  [
    'Prisma Accelerate',
    {env: {DATABASE_URL: 'prisma://x/?api_key=secret'}},
    /^DATABASE_URL is no PostgreSQL address: prisma: is Prisma Accelerate's/,
  ],
  ["Prisma's local proxy", {url: 'prisma+postgres://localhost:51213/?api_key=secret'}, /Prisma's own proxy/],
  [
    'MySQL',
    {files: {'/app/.env': 'DATABASE_URL=mysql://u:secret@h/d'}},
    /^DATABASE_URL in .\/.env is .* mysql: is MySQL/,
  ],
  ['SQLite', {env: {DATABASE_URL: 'file:./dev.db'}}, /file: is SQLite/],
  ['Java', {url: 'jdbc:postgresql://h/d'}, /jdbc: is for Java/],
  ['another program', {url: 'postgresql+asyncpg://u:secret@h/d'}, /for another program/],
  ['a slip of the pen', {url: 'postgress://u:secret@h/d'}, /for another program/],
  ['an unknown scheme', {url: 'redis://:secret@h'}, /it begins with redis:/],
  ['no slashes', {url: 'postgres:u:secret@h/d'}, /it has no \/\//],
  ['a bare word', {url: 'secret'}, /it is no URL/],
  ['broken keywords', {url: "host=h password='secret"}, /neither a URL nor/],
  ['a slash in the password', {url: 'postgres://u:secret/1@h/d'}, /percent-encoded/],
  ['a port beyond', {url: 'postgres://u:secret@h:99999/d'}, /port 99999 is not between/],
  ['several hosts', {url: 'postgres://u:secret@a:1,b:2/d'}, /several hosts/],
  ['several hosts in PGHOST', {env: {PGHOST: 'a,b'}}, /several hosts/],
  [
    'an unknown sslmode',
    {url: 'postgres://u:secret@h/d?sslmode=maybe'},
    /sslmode=maybe is none of disable, allow/,
  ],
  [
    'public authorities without the name',
    {url: 'postgres://u:secret@h/d?sslmode=require&sslrootcert=system'},
    /needs sslmode=verify-full/,
  ],
  [
    'an unknown service',
    {env: {PGSERVICE: 'nope'}},
    /there is no service "nope" in \/home\/ann\/.pg_service.conf/,
  ],
  ['an unknown target', {flags: {target: 'nope'}, files: config({prod})}, /there is no target "nope"/],
  [
    'a target and a URL',
    {url: 'postgres://u:secret@h/d', flags: {target: 'prod'}, files: config({prod})},
    /may name two servers/,
  ],
  [
    'a profile that is not JSON',
    {flags: {target: 'x'}, files: {'/home/ann/.config/poolctl/config.json': '{secret'}},
    /it is not JSON/,
  ],
  [
    'production that is not true or false',
    {flags: {target: 'x'}, files: config({x: {url: 'postgres://h', production: 'no'}})},
    /is not true or false/,
  ],
  [
    'a rescue that is none',
    {url: 'postgres://h/d', env: {POOLCTL_RESCUE_URL: 'secret'}},
    /^POOLCTL_RESCUE_URL is no/,
  ],
];

describe('what is no address', () => {
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

describe("an application's URL", () => {
  const url =
    'postgresql://app:pw@h/d?schema=shop&connection_limit=5&pool_timeout=20&pgbouncer=true&connect_timeout=15' +
    '&application_name=web&target_session_attrs=any&sslidentity=/k.p12';

  it("is taken with Prisma's parameters stripped, kept as facts and reported", () => {
    const request = find({url});
    expect(request.prisma).toEqual({
      connection_limit: 5,
      pool_timeout: 20,
      connect_timeout: 15,
      socket_timeout: null,
      pgbouncer: true,
      schema: 'shop',
    });
    expect(request.connect_timeout_ms).toBe(15_000);
    expect(request.stripped).toEqual([
      'schema=shop',
      'connection_limit=5',
      'pool_timeout=20',
      'pgbouncer=true',
      'sslidentity',
      'application_name=web',
      'target_session_attrs',
    ]);
  });

  it('has no Prisma settings when it says nothing of Prisma', () => {
    expect(find({url: 'postgres://h/d?connect_timeout=3'}).prisma).toBeNull();
  });

  it('shows no password when it is printed or written', () => {
    const request = find({url});
    expect(JSON.stringify(request)).not.toContain('pw');
  });
});

describe('TLS', () => {
  const tls = (query: string, env: Record<string, string> = {}) =>
    find({url: `postgres://u@h/d?${query}`, env}).tls;

  it.each([
    ['', 'prefer'],
    ['sslmode=disable', 'disable'],
    ['sslmode=verify-ca', 'verify-ca'],
    ['ssl=true', 'require'],
    ['sslmode=no-verify', 'require'],
    ['sslrootcert=system', 'verify-full'],
    ['sslmode=require&sslaccept=strict', 'verify-full'],
    ['sslmode=require&sslaccept=accept_invalid_certs', 'require'],
  ])('%s is %s', (query, mode) => {
    expect(tls(query).mode).toBe(mode);
  });

  it('takes PGSSLMODE where the address is silent', () => {
    expect(tls('', {PGSSLMODE: 'verify-full'}).mode).toBe('verify-full');
    expect(tls('sslmode=require', {PGSSLMODE: 'verify-full'}).mode).toBe('require');
  });

  it("finds libpq's files, and those named from the working folder", () => {
    expect(tls('').root_certificate).toEqual({path: '/home/ann/.postgresql/root.crt', is_named: false});
    expect(tls('sslrootcert=ca.pem').root_certificate).toEqual({path: '/app/ca.pem', is_named: true});
    expect(tls('sslcert=/c&sslkey=/k').certificate).toEqual({path: '/c', is_named: true});
  });

  it("reads Prisma's sslcert as the authority's", () => {
    const {certificate, root_certificate} = tls('sslaccept=strict&sslcert=/ca.pem');
    expect(root_certificate).toEqual({path: '/ca.pem', is_named: true});
    expect(certificate.is_named).toBe(false);
  });
});

describe('production and rescue', () => {
  it('a profile brings both', () => {
    const request = find({flags: {target: 'prod'}, files: config({prod})});
    expect(request.is_production).toBe(true);
    expect(request.rescue && summary(request.rescue)).toBe(
      'root:rpw@prod:5432/shop from rescue_url of target "prod"',
    );
    expect(request.rescue?.is_production).toBe(true);
  });

  it('POOLCTL_RESCUE_URL is the rescue, from ./.env too', () => {
    const env = {DATABASE_URL: 'postgres://u@h/d', POOLCTL_RESCUE_URL: 'postgres://root@h/d'};
    expect(find({env}).rescue?.user).toBe('root');
    const files = {'/app/.env': 'POOLCTL_RESCUE_URL=postgres://file@h/d'};
    expect(find({files}).rescue?.user).toBe('file');
    expect(find({}).rescue).toBeNull();
  });

  it.each([
    ['1', true],
    ['true', true],
    ['0', false],
    ['no', false],
    ['', false],
  ])('POOLCTL_PRODUCTION=%s', (value, expected) => {
    expect(find({env: {POOLCTL_PRODUCTION: value}}).is_production).toBe(expected);
  });

  it('an address that a profile marks as production is production, however it was found', () => {
    const files = config({prod});
    expect(find({url: 'postgres://me@prod/shop', files}).is_production).toBe(true);
    expect(find({url: 'postgres://me@prod/other', files}).is_production).toBe(false);
  });
});

it('tells why a password file was left alone', () => {
  const files = {'/home/ann/.pgpass': {text: '*:*:*:*:x', mode: 0o100640}};
  expect(find({url: 'postgres://u@h/d', files}).warnings).toEqual([
    '/home/ann/.pgpass is ignored: others may read it (chmod 0600 /home/ann/.pgpass)',
  ]);
});

it("keeps the user's own startup options", () => {
  expect(find({env: {PGOPTIONS: '-c geqo=off'}}).options).toBe('-c geqo=off');
  expect(find({url: 'postgres://h/d?options=endpoint%3Dep-1'}).options).toBe('endpoint=ep-1');
});

it('PGHOSTADDR does not divert an address that has a host', () => {
  expect(find({env: {PGHOSTADDR: '10.0.0.1'}}).hostaddr).toBe('10.0.0.1');
  expect(find({url: 'postgres://h/d', env: {PGHOSTADDR: '10.0.0.1'}}).hostaddr).toBeNull();
});
