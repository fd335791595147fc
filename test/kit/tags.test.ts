import {describe, expect, test} from 'vitest';
import {currentContext, type Tags, withTags} from '../../source/kit/context.ts';
import {prismaTags, tagStatement} from '../../source/kit/tags.ts';

function tag(tags: Tags | (() => Tags), text = 'SELECT 1', write = tagStatement): string {
  return withTags(tags, () => {
    const context = currentContext();
    return context === null ? text : write(text, context);
  });
}

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('a tagged statement', () => {
  test.each<[string, Tags | (() => Tags), string]>([
    ['a route', {route: '/users'}, "SELECT 1 /*route='%2Fusers'*/"],
    [
      'all tags, sorted',
      {traceparent, route: '/a', job: 'nightly', action: 'GET'},
      `SELECT 1 /*action='GET',job='nightly',route='%2Fa',traceparent='${traceparent}'*/`,
    ],
    ['tags known later', () => ({route: '/late'}), "SELECT 1 /*route='%2Flate'*/"],
    ['no tag', {}, 'SELECT 1'],
    ['an undefined and an empty one', {route: undefined, job: ''}, 'SELECT 1'],
    ['a quote and a comment end', {job: "a'b*/; DROP"}, "SELECT 1 /*job='a%27b*%2F%3B%20DROP'*/"],
    ['half a character', {job: 'a\ud83d'}, "SELECT 1 /*job='a'*/"],
    ['a pattern', {route: '/users/[id]/:name'}, "SELECT 1 /*route='%2Fusers%2F%5Bid%5D%2F%3Aname'*/"],
    ['an address', {route: '/users/42?token=secret#x'}, "SELECT 1 /*route='%2Fusers%2F%3Aid'*/"],
    ['a UUID', {route: '/u/0af76519-16cd-43dd-8448-eb211c80319c'}, "SELECT 1 /*route='%2Fu%2F%3Aid'*/"],
    ['an email address', {route: '/u/ann@example.org/x'}, "SELECT 1 /*route='%2Fu%2F%3Aid%2Fx'*/"],
    ['a token', {route: '/reset/eyJhbGciOiJIUzI1NiJ9abc'}, "SELECT 1 /*route='%2Freset%2F%3Aid'*/"],
    [
      'a long name without digits',
      {job: 'recalculate-all-invoices'},
      "SELECT 1 /*job='recalculate-all-invoices'*/",
    ],
    ['a trace id that is none', {traceparent: "x'*/"}, 'SELECT 1'],
    ['what is no text', {route: 42 as unknown as string}, 'SELECT 1'],
  ])('%s', (_, tags, text) => {
    expect(tag(tags)).toBe(text);
  });

  test('that ends in a comment stays as it is', () => {
    expect(tag({route: '/a'}, "SELECT 1 /*prismaQuery='User.findMany'*/")).toBe(
      "SELECT 1 /*prismaQuery='User.findMany'*/",
    );
  });

  test('has the tags around it too, and its own win', () => {
    withTags({route: '/a', action: 'GET'}, () => {
      expect(tag({action: 'POST'})).toBe("SELECT 1 /*action='POST',route='%2Fa'*/");
      expect(prismaTags()).toEqual({action: 'GET', route: '/a'});
    });
    expect(prismaTags()).toEqual({});
  });

  test('is no longer than its tags may be', () => {
    withTags({job: 'x'.repeat(10_000)}, () => expect(prismaTags().job).toHaveLength(128));
  });

  test('has one of 500 values, then other', async () => {
    // The values count for the whole process, which runs other test files, too: a copy of the module has its own.
    const copy = '../../source/kit/tags.ts?copy';
    const fresh = (await import(/* @vite-ignore */ copy)) as {tagStatement: typeof tagStatement};
    const own = (action: string) => tag({action}, 'SELECT 1', fresh.tagStatement);
    const values = Array.from({length: 600}, (_, index) => own(`a-${index}`));
    expect(new Set(values).size).toBe(501);
    expect(values.at(-1)).toBe("SELECT 1 /*action='other'*/");
    expect(own('a-1')).toBe("SELECT 1 /*action='a-1'*/");
  });
});
