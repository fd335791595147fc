import {describe, expect, it} from 'vitest';
import {isSecretValue, maskSecrets} from '../../../source/core/sql/secrets.ts';
import {redactSecrets} from '../../../source/core/text/redact.ts';

describe('secrets beside SQL', () => {
  it.each([
    ['mysql -uroot -phush shop', 'mysql -uroot -p*** shop'],
    ['mysqldump -u root -p hush shop', 'mysqldump -u root -p *** shop'],
    ["sshpass -p 'hu sh' ssh db", 'sshpass -p *** ssh db'],
    ['redis-cli -h db -a hush ping', 'redis-cli -h db -a *** ping'],
    ['ldapsearch -x -w hush', 'ldapsearch -x -w ***'],
    ['sqlcmd -S db -U app -P hush', 'sqlcmd -S db -U app -P ***'],
    ['smbclient //h/s -U app%hush', 'smbclient //h/s -U app%***'],
    ['deploy -p hush now', 'deploy -p *** now'],
    ['run --pass hush --client-secret=hush', 'run --pass *** --client-secret=***'],
    ['the secret hush4hush', 'the secret ***'],
    ['token is hush4hush', 'token is ***'],
    ['pw hush4hush', 'pw ***'],
    ['the password is hush', 'the password is ***'],
    ['Password for app is hush', 'Password for app is ***'],
    ['db_password: hush', 'db_password: ***'],
    ['sqlplus app/hush@db', 'sqlplus app/***@db'],
    ['connect app/hush@db', 'connect app/***@db'],
    ['jdbc:oracle:thin:app/hush@//db:1521/x', 'jdbc:oracle:thin:app/***@//db:1521/x'],
    ['{"pwd":"hush","smtp":{"pass":"hush"}}', '{"pwd":"***","smtp":{"pass":"***"}}'],
    ['{"tokens":["hush","hush"]}', '{"tokens":"***"}'],
    ["{'apiKey': 'hush'}", "{'apiKey': '***'}"],
    ['https://h/x?x-amz-security-token=hush&y=1', 'https://h/x?x-amz-security-token=***&y=1'],
    ['https://h/#id_token=hush', 'https://h/#id_token=***'],
    ['https://hooks.slack.com/services/T0/B0/hush', 'https://hooks.slack.com/services/***'],
    ['AccountName=a;AccountKey=hush==;X=1', 'AccountName=a;AccountKey=***;X=1'],
    ['X-Auth-Token: hush', 'X-Auth-Token: ***'],
    ['Cookie: sid=hush', 'Cookie: ***'],
    ['db.x.com:5432:shop:app:hush', 'db.x.com:5432:shop:app:***'],
    ['*:*:*:app:hush', '*:*:*:app:***'],
    ["CREATE USER x IDENTIFIED BY 'hush'", 'CREATE USER x IDENTIFIED BY ***'],
    ['SCRAM-SHA-256$4096:hush$hush:hush', 'SCRAM-SHA-256$***'],
    // Only letters and digits that a test may hold: none of them was ever valid.
    [`md5${'0123456789abcdef'.repeat(2)}`, '***'],
    [`ghp_${'hush'.repeat(9)}`, '***'],
    [`glpat-${'hush'.repeat(5)}`, '***'],
    [`sk_live_${'hush'.repeat(6)}`, '***'],
    [`sk-proj-4${'hush'.repeat(6)}`, '***'],
    [`AIza${'hush'.repeat(9)}`, '***'],
    [`npg_${'hush'.repeat(3)}`, '***'],
    [`xoxb-${'hush'.repeat(4)}`, '***'],
  ])('%s', (text, shown) => {
    expect(redactSecrets(text)).toBe(shown);
    const hidden = /hush|0123456789/;
    expect(maskSecrets(`SELECT 1 /* ${text} */`)).not.toMatch(hidden);
    expect(maskSecrets(`SELECT '${text.replaceAll("'", "''")}'`)).not.toMatch(hidden);
  });
});

it.each([
  'password authentication failed for user "app"',
  'User "app" has an expired password.',
  'password is too short',
  'the token is expired',
  'WHERE password IS NOT NULL AND token IS DISTINCT FROM $1',
  'CREATE TABLE t (token int8, secret text, password varchar(255), api_key char(32))',
  'CREATE INDEX i ON t (token t2, password text_pattern_ops)',
  'ORDER BY token LIMIT 10',
  'test ! -f /a/%f && cp -p %p /a/%f',
  'mkdir -p archive',
  'psql -p 5432 shop',
  'pg_basebackup -D x -P -p 5433 -v',
  'ssh -p 22 host',
  'SELECT a -p FROM t',
  'web/app@10.0.0.7 holds 7 sessions again',
  'library/postgres@sha256:abc',
  '@prisma/client@7.1.0',
  'unexpected token "x1y2z3a4"',
  'Token "foo1234" is invalid.',
  'syntax error at or near "token"',
  '2001:db8:85a3:0:0:8a2e:370:7334',
  '2026-11-28T10:20:30.123:45',
  '00:11:22:33:44:55',
  'password md5',
  'password scram-sha-256',
  "password_encryption is 'scram-sha-256'",
  'token 5 of 7',
  'token 90s',
  'foreign key (token) references token2(id)',
  'duplicate key value violates unique constraint "token_key_1"',
  'a backend is identified by its pid',
  'sk-learn-model-of-tasks',
])('is shown as it is: %s', text => {
  expect(redactSecrets(text)).toBe(text);
  expect(isSecretValue(text)).toBe(false);
});

it('reads a long text in linear time', () => {
  const cost = (unit: string, times: number) => {
    const text = `token ${unit.repeat(times)}`;
    const before = process.cpuUsage();
    redactSecrets(text);
    const {user, system} = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  for (const unit of ['a-', 'token.', 'sk-', '-p ', 'mysql -', 'a:1:', 'https://', '"pass": "\\"', 'create '])
    expect(cost(unit, 20_000), unit).toBeLessThan(2000);
});
