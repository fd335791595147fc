import {describe, expect, it} from 'vitest';
import {find, type MachineSetup, summary} from './fake-machine.ts';

const found: [what: string, given: MachineSetup, expected: string][] = [
  ['no address', {}, "ann:@localhost:5432/ann from PostgreSQL's defaults"],
  [
    'a socket in the directory of Debian',
    {files: {'/var/run/postgresql/.s.PGSQL.5432': ''}},
    "ann:@/var/run/postgresql:5432/ann from PostgreSQL's defaults",
  ],
  [
    'a socket in /tmp, on another port',
    {env: {PGPORT: '5433'}, files: {'/tmp/.s.PGSQL.5433': '', '/var/run/postgresql/.s.PGSQL.5432': ''}},
    'ann:@/tmp:5433/ann from PGPORT',
  ],
  ['a URL', {url: 'postgres://u:p@h:6000/d'}, 'u:p@h:6000/d from the URL argument'],
  ['the long scheme', {url: 'postgresql://u:p@h/d'}, 'u:p@h:5432/d from the URL argument'],
  ['a scheme in capitals', {url: 'POSTGRES://u@h/d'}, 'u:@h:5432/d from the URL argument'],
  ['the database is called as the user', {url: 'postgres://bob@h'}, 'bob:@h:5432/bob from the URL argument'],
  [
    'percent-encoding',
    {url: 'postgres://a%40b:p%2Fq%3A@h/d%20e'},
    'a@b:p/q:@h:5432/d e from the URL argument',
  ],
  ['a stray percent sign', {url: 'postgres://u:100%sure@h/d'}, 'u:100%sure@h:5432/d from the URL argument'],
  ['an unencoded @ in the password', {url: 'postgres://u:p@ss@h/d'}, 'u:p@ss@h:5432/d from the URL argument'],
  ['an unencoded ? and # in it', {url: 'postgres://u:p?#w@h/d'}, 'u:p?#w@h:5432/d from the URL argument'],
  ['an @ only in the query', {url: 'postgres://u:p@h/d?options=a@b'}, 'u:p@h:5432/d from the URL argument'],
  ['a plus is a plus', {url: 'postgres://u:a+b@h/d'}, 'u:a+b@h:5432/d from the URL argument'],
  ['IPv6', {url: 'postgres://u@[::1]:6000/d'}, 'u:@::1:6000/d from the URL argument'],
  ['a socket by ?host=', {url: 'postgres://u@/d?host=/tmp/x'}, 'u:@/tmp/x:5432/d from the URL argument'],
  ['a socket by %2F', {url: 'postgres://u@%2Ftmp%2Fx:6000/d'}, 'u:@/tmp/x:6000/d from the URL argument'],
  [
    'everything in the query',
    {url: 'postgresql:///?host=h&port=6000&user=u&password=p&dbname=d'},
    'u:p@h:6000/d from the URL argument',
  ],
  [
    'keywords',
    {url: "host=h port=6000 user=u password='it\\'s' dbname=d"},
    "u:it's@h:6000/d from the URL argument",
  ],
  [
    'quotes around the URL, as Docker keeps them',
    {env: {DATABASE_URL: '"postgres://u:p@h/d"'}},
    'u:p@h:5432/d from DATABASE_URL',
  ],
  [
    'missing parts come from the environment',
    {url: 'postgres:///d', env: {PGHOST: 'eh', PGUSER: 'eu', PGPASSWORD: 'ep', PGPORT: '7000'}},
    'eu:ep@eh:7000/d from the URL argument',
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
    'an exported variable before ./.env',
    {env: {DATABASE_URL: 'postgres://u@call/d'}, files: {'/app/.env': 'DIRECT_URL=postgres://u@file/d'}},
    'u:@call:5432/d from DATABASE_URL',
  ],
  [
    "the process before POOLCTL_DATABASE_URL of ./.env: a folder may be anybody's",
    {
      env: {DATABASE_URL: 'postgres://u@call/d'},
      files: {'/app/.env': 'POOLCTL_DATABASE_URL=postgres://u@file/d'},
    },
    'u:@call:5432/d from DATABASE_URL',
  ],
  ...['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE'].map((name): (typeof found)[number] => [
    `${name} of the process before ./.env`,
    {
      env: {[name]: name === 'PGPORT' ? '6000' : '10.0.0.1'},
      files: {'/app/.env': 'POOLCTL_DATABASE_URL=postgres://u:p@file/d'},
    },
    {
      PGHOST: 'ann:@10.0.0.1:5432/ann from PGHOST',
      PGHOSTADDR: 'ann:@10.0.0.1:5432/ann from PGHOSTADDR',
      PGPORT: 'ann:@localhost:6000/ann from PGPORT',
      PGDATABASE: 'ann:@localhost:5432/10.0.0.1 from PGDATABASE',
    }[name] ?? '',
  ]),
  [
    'an exported PGSERVICE before ./.env',
    {
      env: {PGSERVICE: 'shop'},
      files: {
        '/app/.env': 'DATABASE_URL=postgres://u:p@file/d',
        '/home/ann/.pg_service.conf': '[shop]\nhost=h\nuser=u',
      },
    },
    'u:@h:5432/u from service "shop" (PGSERVICE)',
  ],
  [
    'PGUSER sets the role, not the server',
    {env: {PGUSER: 'eu'}, files: {'/app/.env': 'DATABASE_URL=postgres://file/d'}},
    'eu:@file:5432/d from DATABASE_URL in ./.env',
  ],
  [
    'variables within ./.env',
    {files: {'/app/.env': `PW=s3$cret\nH=h\nDATABASE_URL="postgres://u:\${PW}@\${H}/d"`}},
    'u:s3$cret@h:5432/d from DATABASE_URL in ./.env',
  ],
  [
    'a variable of ./.env before an exported one',
    {files: {'/app/.env': `PW=own\nDATABASE_URL="postgres://u:\${PW}@h/d"`}, env: {PW: 'exported'}},
    'u:own@h:5432/d from DATABASE_URL in ./.env',
  ],
  [
    'an unset name in braces is part of the password',
    {files: {'/app/.env': `DATABASE_URL='postgres://u:\${x}@h/d'`}},
    `u:\${x}@h:5432/d from DATABASE_URL in ./.env`,
  ],
  [
    'an empty variable counts as unset',
    {env: {DATABASE_URL: '', PGHOST: 'h'}},
    'ann:@h:5432/ann from PGHOST',
  ],
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
    'u:@h:5432/d from the URL argument',
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
    'u:p@h:5432/d from the URL argument',
  ],
  ['-d with a URL', {flags: {database: 'postgres://u:p@h/d'}}, 'u:p@h:5432/d from the address of -d'],
  ['-h with a socket', {flags: {host: '/tmp', user: 'u'}}, 'u:@/tmp:5432/u from the command line'],
  [
    'the password file',
    {
      url: 'postgres://u@h/d',
      files: {'/home/ann/.pgpass': '# all\n\nh:5432:other:u:no\nh:*:d:u:yes:rest\n*:*:*:*:late'},
    },
    'u:yes@h:5432/d from the URL argument',
  ],
  [
    'escapes in the password file',
    {url: 'postgres://u@[::1]/d', files: {'/home/ann/.pgpass': '\\:\\:1:5432:d:u:a\\:b\\\\c'}},
    'u:a:b\\c@::1:5432/d from the URL argument',
  ],
  [
    'PGPASSFILE, and a socket counts as localhost',
    {url: 'postgres://u@/d?host=/tmp', env: {PGPASSFILE: '/pw'}, files: {'/pw': 'localhost:5432:d:u:p'}},
    'u:p@/tmp:5432/d from the URL argument',
  ],
  [
    'PGPASSWORD before the password file',
    {url: 'postgres://u@h/d', env: {PGPASSWORD: 'ep'}, files: {'/home/ann/.pgpass': '*:*:*:*:fp'}},
    'u:ep@h:5432/d from the URL argument',
  ],
  [
    'a password file that others can read is ignored',
    {url: 'postgres://u@h/d', files: {'/home/ann/.pgpass': {text: '*:*:*:*:fp', mode: 0o100644}}},
    'u:@h:5432/d from the URL argument',
  ],
];

describe('where the server is', () => {
  it.each(found)('%s', (_, given, expected) => {
    expect(summary(find(given))).toBe(expected);
  });
});
