import {describe, expect, it} from 'vitest';
import {parseTags} from '../../../source/core/activity/tags.ts';

describe('parseTags', () => {
  it.each([
    [null, {}],
    ['SELECT 1', {}],
    ['SELECT 1 /* no tags */', {}],
    ["SELECT 1 /*route='%2Fusers',action='index'*/", {route: '/users', action: 'index'}],
    ["/*application='web'*/ SELECT 1", {application: 'web'}],
    ["SELECT /*+ hint */ 1 /*route='a'*/", {route: 'a'}],
    ["SELECT 1 /* route='a' , db='b' */", {route: 'a', db: 'b'}],
    ["SELECT 1 /*name='O\\'Brien'*/", {name: "O'Brien"}],
    ["SELECT 1 /*k='100%'*/", {k: '100%'}],
    ["SELECT 1 /*k=''*/", {k: ''}],
    ["SELECT 1 /*=''*/", {}],
    ["SELECT 1 /*route='whole',traceparent='00-cut", {route: 'whole'}],
    ["SELECT 1 /*prismaQuery='User.findMany%3AeyJ9'*/", {prismaQuery: 'User.findMany:eyJ9'}],
    ["SELECT 1 /*__proto__='x'*/", Object.fromEntries([['__proto__', 'x']])],
  ])('%s', (query, expected) => {
    expect(parseTags(query)).toEqual(expected);
  });

  it('finds the tags behind a comment that is long and has none', () => {
    expect(parseTags(`SELECT 1 /* ${'y'.repeat(200_000)} */ /*route='a'*/`)).toEqual({route: 'a'});
  });
});
