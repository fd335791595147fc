import {describe, expect, it} from 'vitest';
import {
  findVariable,
  isAmbiguousUrl,
  maskUrl,
  readParameters,
  setUrlParameters,
} from '../../../source/core/pool/env-text.ts';

const url = 'postgresql://app:pw@db:5432/shop';
const set = (
  text: string,
  after: Record<string, string | null>,
  before: Record<string, string | null> = {},
) => setUrlParameters(text, {variable: 'DATABASE_URL', before, after});

describe('findVariable', () => {
  it.each([
    ['bare', `DATABASE_URL=${url}\n`],
    ['double quotes', `DATABASE_URL="${url}"\n`],
    ['single quotes', `DATABASE_URL='${url}'\n`],
    ['backticks', `DATABASE_URL=\`${url}\`\n`],
    ['export', `export DATABASE_URL="${url}"`],
    ['blanks round it', `  DATABASE_URL = "${url}"\n`],
    ['a comment behind it', `DATABASE_URL=${url} # the main one\n`],
    ['CRLF', `A=1\r\nDATABASE_URL=${url}\r\nB=2\r\n`],
    ['a commented one beside it', `# DATABASE_URL=other\nDATABASE_URL=${url}\n`],
    ['a longer name beside it', `MY_DATABASE_URL=x\nDATABASE_URL_2=y\nDATABASE_URL=${url}\n`],
  ])('%s', (_, text) => {
    const found = findVariable(text, 'DATABASE_URL');
    expect(found?.value).toBe(url);
    expect(text.slice(found?.start).startsWith(url)).toBe(true);
  });

  it.each([
    ['absent', 'OTHER=1\n'],
    ['only in a comment', `#DATABASE_URL=${url}\n`],
    ['there twice', `DATABASE_URL=a\nexport DATABASE_URL=b\n`],
    ['a quote that is never closed', `DATABASE_URL="${url}\n`],
  ])('null: %s', (_, text) => expect(findVariable(text, 'DATABASE_URL')).toBeNull());
});

describe('setUrlParameters', () => {
  it.each([
    ['adds the first', `DATABASE_URL=${url}\n`, `DATABASE_URL=${url}?connection_limit=7\n`],
    [
      'adds behind others',
      `DATABASE_URL="${url}?schema=x"`,
      `DATABASE_URL="${url}?schema=x&connection_limit=7"`,
    ],
    [
      'keeps the place of one that is there',
      `DATABASE_URL=${url}?connection_limit=5&schema=x\n`,
      `DATABASE_URL=${url}?connection_limit=7&schema=x\n`,
    ],
    ['stays before a fragment', `DATABASE_URL="${url}#f"`, `DATABASE_URL="${url}?connection_limit=7#f"`],
    ['leaves a comment', `DATABASE_URL=${url} # why\n`, `DATABASE_URL=${url}?connection_limit=7 # why\n`],
    [
      'leaves other lines, comments and line ends',
      `# top\r\nA='x y'\r\nDATABASE_URL='${url}'\r\n\r\n#DATABASE_URL=old\r\n`,
      `# top\r\nA='x y'\r\nDATABASE_URL='${url}?connection_limit=7'\r\n\r\n#DATABASE_URL=old\r\n`,
    ],
  ])('%s', (_, text, expected) => expect(set(text, {connection_limit: '7'})).toBe(expected));

  it.each([
    'postgresql://app:p%23w%3F%40@db/shop',
    'postgresql://app:p@w@db/shop',
    'postgresql://app:p?w@db/shop',
    'postgresql://app:p#w@db/shop',
    'postgresql://app:p/w?x#y@db/shop',
    'postgresql://app@db/shop',
    'postgresql://db/shop',
    'postgresql://[::1]:5432/shop',
    'postgresql://a:1,b:2/shop',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as .env files have it
    'postgresql://${USER}:${PASSWORD}@${HOST}/shop',
  ])('leaves the credentials of %s', plain => {
    const changed = set(`DATABASE_URL="${plain}"`, {connection_limit: '7'});
    expect(changed).toBe(`DATABASE_URL="${plain}?connection_limit=7"`);
    expect(set(changed ?? '', {connection_limit: null}, {connection_limit: '7'})).toBe(
      `DATABASE_URL="${plain}"`,
    );
  });

  it('is not misled by an @ in a parameter', () => {
    const text = `DATABASE_URL="${url}?application_name=a@b"`;
    expect(set(text, {connection_limit: '7'})).toBe(
      `DATABASE_URL="${url}?application_name=a@b&connection_limit=7"`,
    );
    const plain = 'DATABASE_URL="postgresql://db/shop?user=a@b"';
    expect(set(plain, {connection_limit: '7'})).toBe(
      'DATABASE_URL="postgresql://db/shop?user=a@b&connection_limit=7"',
    );
  });

  it.each([
    ['the parameter is another', {connection_limit: '6'}],
    ['it is not there', {pool_timeout: '10'}],
    ['it is there', {connection_limit: null}],
  ])('refuses where %s', (_, before) => {
    expect(set(`DATABASE_URL=${url}?connection_limit=5`, {connection_limit: '7'}, before)).toBeUndefined();
  });

  it.each([
    `DATABASE_URL="${url}"\n`,
    `DATABASE_URL=${url}?connection_limit=5&schema=x # c\r\n`,
    `DATABASE_URL='${url}?schema=x&pool_timeout=3&connection_limit=5'`,
  ])('gives back the same bytes when it is taken back: %s', text => {
    const parameters = readParameters(findVariable(text, 'DATABASE_URL')?.value ?? '');
    const after = {connection_limit: '7', pool_timeout: '10'};
    const before = Object.fromEntries(Object.keys(after).map(name => [name, parameters.get(name) ?? null]));
    const changed = set(text, after, before);
    expect(changed).not.toBe(text);
    expect(set(changed ?? '', before, after)).toBe(text);
  });
});

describe('maskUrl', () => {
  it.each([
    [
      `${url}?connection_limit=5&sslpassword=x`,
      'postgresql://app:***@db:5432/shop?connection_limit=5&sslpassword=***',
    ],
    ['postgresql://app:p w/q@db/shop#s', 'postgresql://app:***@db/shop#***'],
    ['postgresql://app@db/shop', 'postgresql://app@db/shop'],
    ['postgresql://db/shop?password=x', 'postgresql://db/shop?password=***'],
  ])('%s', (plain, masked) => expect(maskUrl(plain, ['connection_limit'])).toBe(masked));
});

describe('isAmbiguousUrl', () => {
  it.each([
    ['postgresql://app:p@w?x#y@db/shop', true],
    [`${url}?application_name=a@b`, true],
    ['postgresql://app:p@w@db/shop', false],
    ['postgresql://db/shop?user=a@b', false],
    [url, false],
  ])('%s', (plain, expected) => expect(isAmbiguousUrl(plain)).toBe(expected));
});
