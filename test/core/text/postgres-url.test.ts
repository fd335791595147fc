import {describe, expect, it} from 'vitest';
import {hostStart, parsePostgresUrl, writePostgresUrl} from '../../../source/core/text/postgres-url.ts';

describe('parsePostgresUrl', () => {
  it.each([
    [
      'postgres://ann:secret@h:6543/d?sslmode=require',
      {user: 'ann', password: 'secret', host: 'h', port: '6543', dbname: 'd', sslmode: 'require'},
    ],
    ['postgresql://', {}],
    ['postgres:///d?host=/tmp', {host: '/tmp', dbname: 'd'}],
    ['postgres://[::1]:5433/d', {host: '::1', port: '5433', dbname: 'd'}],
    ['postgres://%2Ftmp/d', {host: '/tmp', dbname: 'd'}],
    ['postgres://ann:p@ss#wd@h/d', {user: 'ann', password: 'p@ss#wd', host: 'h', dbname: 'd'}],
    ['postgres://ann:1?2@h/d', {user: 'ann', password: '1?2', host: 'h', dbname: 'd'}],
    ['postgres://ann:100%25%@h/d', {user: 'ann', password: '100%%', host: 'h', dbname: 'd'}],
    ['postgres://a:1,b:2/d', {host: 'a:1,b:2', dbname: 'd'}],
    [
      'postgres://h/d?options=-c%20a%3Db&problem=none',
      {host: 'h', dbname: 'd', options: '-c a=b', problem: 'none'},
    ],
  ])('reads %s', (url, parameters) => {
    expect(parsePostgresUrl(url)).toEqual({parameters, problem: null});
  });

  it.each([
    ['postgres:ann:secret@h/d', /no \/\//],
    ['postgres://ann:secret/1@h/d', /percent-encoded/],
    ['postgres://ann@h:secret/d', /port is not a number/],
  ])('describes the problem of %s without the password', (url, problem) => {
    const parsed = parsePostgresUrl(url);
    expect(parsed.problem).toMatch(problem);
    expect(parsed.problem).not.toContain('secret');
  });
});

describe('writePostgresUrl', () => {
  it.each([
    ['postgresql://ann:p%2Fw%40@h:5432/d?sslmode=require'],
    ['postgresql://ann@[::1]/d'],
    ['postgresql:///d'],
    ['postgresql://ann@localhost/d?host=%2Ftmp'],
  ])('writes what parsePostgresUrl reads: %s', url => {
    const parsed = parsePostgresUrl(url);
    expect(writePostgresUrl(parsed.problem === null ? parsed.parameters : {})).toBe(url);
  });
});

describe('hostStart', () => {
  it.each([
    ['postgres://|h/d'],
    ['postgres://ann:p/a?s#s@|h:5/d'],
    ['postgres://ann:p@ss@|h/d'],
    ['postgres://|h/d?options=a@b'],
    ['|no URL'],
  ])('finds the start of the host in %s', marked => {
    expect(hostStart(marked.replace('|', ''))).toBe(marked.indexOf('|'));
  });
});
