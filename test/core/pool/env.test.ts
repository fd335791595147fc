import {describe, expect, it} from 'vitest';
import {applyChange, invertChange} from '../../../source/core/engine/step.ts';
import {
  envChange,
  findVariable,
  isAmbiguousUrl,
  maskUrl,
  queryEdits,
  readEnvFile,
  readParameters,
  setUrlParameters,
  setUrlQuery,
} from '../../../source/core/pool/env.ts';
import {mulberry32} from '../../../source/core/random.ts';

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
    ['blanks around it', `  DATABASE_URL = "${url}"\n`],
    ['a byte order mark before it', `\ufeffDATABASE_URL=${url}\n`],
    ['a comment after it', `DATABASE_URL=${url} # the main one\n`],
    ['CRLF', `A=1\r\nDATABASE_URL=${url}\r\nB=2\r\n`],
    ['a commented-out line, too', `# DATABASE_URL=other\nDATABASE_URL=${url}\n`],
    ['one inside the quotes of another', `KEY="begin\nDATABASE_URL=other\nend"\nDATABASE_URL=${url}\n`],
    ['an apostrophe before it', `# it's\nA=it's\nDATABASE_URL=${url}\nB='x'\n`],
    ['a longer name, too', `MY_DATABASE_URL=x\nDATABASE_URL_2=y\nDATABASE_URL=${url}\n`],
  ])('%s', (_, text) => {
    const found = findVariable(text, 'DATABASE_URL');
    expect(found?.value).toBe(url);
    expect(text.slice(found?.start).startsWith(url)).toBe(true);
  });

  it.each([
    ['absent', 'OTHER=1\n'],
    ['only in a comment', `#DATABASE_URL=${url}\n`],
    ['set twice', `DATABASE_URL=a\nexport DATABASE_URL=b\n`],
    ['only inside the quotes of another', `KEY="begin\nDATABASE_URL=${url}\nend" # key\n`],
    ['a quote after a backslash', `DATABASE_URL="${url}?a=\\"b&connection_limit=9"\n`],
    ['words after it', `DATABASE_URL=${url} and more\n`],
    ['a quote that is never closed', `DATABASE_URL="${url}\n`],
  ])('returns null: %s', (_, text) => expect(findVariable(text, 'DATABASE_URL')).toBeNull());
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
      'keeps the position of an existing parameter',
      `DATABASE_URL=${url}?connection_limit=5&schema=x\n`,
      `DATABASE_URL=${url}?connection_limit=7&schema=x\n`,
    ],
    ['stays before a fragment', `DATABASE_URL="${url}#f"`, `DATABASE_URL="${url}?connection_limit=7#f"`],
    ['keeps a comment', `DATABASE_URL=${url} # why\n`, `DATABASE_URL=${url}?connection_limit=7 # why\n`],
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
  ])('keeps the credentials of %s', plain => {
    const changed = set(`DATABASE_URL="${plain}"`, {connection_limit: '7'});
    expect(changed).toBe(`DATABASE_URL="${plain}?connection_limit=7"`);
    expect(set(changed ?? '', {connection_limit: null}, {connection_limit: '7'})).toBe(
      `DATABASE_URL="${plain}"`,
    );
  });

  it('handles an @ in a parameter', () => {
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
    ['the parameter has another value', {connection_limit: '6'}],
    ['it is not set', {pool_timeout: '10'}],
    ['it exists already', {connection_limit: null}],
  ])('refuses if %s', (_, before) => {
    expect(set(`DATABASE_URL=${url}?connection_limit=5`, {connection_limit: '7'}, before)).toBeUndefined();
  });

  it.each([
    `DATABASE_URL="${url}"\n`,
    `DATABASE_URL=${url}?connection_limit=5&schema=x # c\r\n`,
    `DATABASE_URL='${url}?schema=x&pool_timeout=3&connection_limit=5'`,
  ])('restores the same bytes: %s', text => {
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

describe('an .env file changed and restored', () => {
  const variable = 'DATABASE_URL';
  /** As the recipe plans it: the edits come from what may be shown of the file. */
  const change = (text: string, wanted: Record<string, string>) => {
    const file = readEnvFile('/app/.env', variable, text);
    expect(file.problem).toBeNull();
    const {edits, diff} = envChange(file, wanted);
    return {change: {kind: 'url_query' as const, variable, edits}, diff};
  };

  it.each([
    ['nothing after the question mark', '?', '?connection_limit=7'],
    ['an empty part', '?a=1&&b=2', '?a=1&&b=2&connection_limit=7'],
    ['an ampersand at the end', '?a=1&', '?a=1&connection_limit=7'],
    ['only an ampersand', '?&', '?&connection_limit=7'],
    ['a parameter without a value', '?connection_limit&a=1', '?connection_limit=7&a=1'],
    ['an empty value', '?connection_limit=', '?connection_limit=7'],
    ['an encoded value', '?connection_limit=%31%30&a', '?connection_limit=7&a'],
    ['a sign', '?connection_limit=+5', '?connection_limit=7'],
    [
      'the parameter twice: the last counts',
      '?connection_limit=5&connection_limit=6',
      '?connection_limit=5&connection_limit=7',
    ],
    [
      'the parameter twice with the same value',
      '?connection_limit=5&connection_limit=5',
      '?connection_limit=5&connection_limit=7',
    ],
    [
      'the parameter twice, one with the new value',
      '?connection_limit=7&connection_limit=6',
      '?connection_limit=7&connection_limit=7',
    ],
    ['a longer name, too', '?connection_limit_x=5', '?connection_limit_x=5&connection_limit=7'],
    ['a fragment', '?a=1#connection_limit=5', '?a=1&connection_limit=7#connection_limit=5'],
    ['blanks before the quote', '?a=1  ', '?a=1&connection_limit=7  '],
  ])('with a query that has %s', (_, query, expected) => {
    const text = `A=1\r\n\texport DATABASE_URL = "${url}${query}" # "it"\r\nB`;
    const planned = change(text, {connection_limit: '7'});
    const changed = applyChange(text, planned.change);
    expect(changed).toBe(text.replace(query, () => expected));
    expect(applyChange(changed ?? null, invertChange(planned.change))).toBe(text);
    // As shown: the same change, on the line with its password masked.
    const shown = (each: string) => `\texport DATABASE_URL = "${maskUrl(each, ['connection_limit'])}"`;
    expect(planned.diff).toEqual([`-${shown(url + query)}`, `+${shown(url + expected)}`]);
  });

  it.each([
    ['the previewed value has changed', '?connection_limit=5', '?connection_limit=6'],
    ['the name was added again after it', '?connection_limit=5', '?connection_limit=5&connection_limit=9'],
    ['the parameter was added since', '?a=1', '?a=1&connection_limit=9'],
    ['a first parameter was added since', '', '?a=1'],
    ['all parameters were removed', '?a=1', ''],
  ])('does not apply if %s', (_, previewed, now) => {
    const planned = change(`DATABASE_URL=${url}${previewed}`, {connection_limit: '7'});
    expect(applyChange(`DATABASE_URL=${url}${now}`, planned.change)).toBeUndefined();
  });

  it('keeps text that was added after the first parameter', () => {
    const planned = change(`DATABASE_URL=${url}`, {connection_limit: '7'});
    const later = `DATABASE_URL=${url}?connection_limit=7&a=1`;
    expect(applyChange(later, invertChange(planned.change))).toBeUndefined();
  });

  it('restores every byte of random files and changes only the query', () => {
    const bits = mulberry32(11);
    const random = () => bits() / 2 ** 32;
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    const many = (most: number, make: () => string) =>
      Array.from({length: Math.floor(random() * (most + 1))}, make);
    const names = [
      'connection_limit',
      'pool_timeout',
      'connect_timeout',
      'schema',
      'x',
      '%63onnection_limit',
      '',
    ];
    const values = ['', '=', '=5', '=+5', '=%31%30', '=7', '=10', '=a%20b', '=é', '=\udce9', '==', "='"];
    const noise = [
      'A=1',
      '# DATABASE_URL=x',
      'B="a b"',
      'DATABASE_URL_2=y',
      '',
      '\t',
      'caf\udce9',
      "C='#'",
      'é=ü',
    ];
    const credentials = ['', 'app@', 'app:pw@', 'app:p%23w@', 'app:p\udce9@'];
    let changes = 0;
    for (let round = 0; round < 4000; round++) {
      const query = random() < 0.2 ? '' : `?${many(5, () => pick(names) + pick(values)).join('&')}`;
      const plain = `postgresql://${pick(credentials)}db:5432/shop${query}`;
      const quote = pick(['"', "'", '`', '']);
      const fragment = quote === '' ? '' : pick(['', '', '#f', ' ']);
      const value = (quote === "'" ? plain.replaceAll("'", '') : plain) + fragment;
      const head = `${pick(['', ' ', '\t'])}${pick(['', 'export '])}DATABASE_URL${pick(['=', ' = '])}${quote}`;
      if (quote === '' && /['"`\s]/.test(value)) continue;
      const eol = pick(['\n', '\r\n']);
      const before = many(3, () => pick(noise) + eol).join('');
      const rest = random() < 0.3 ? '' : eol + many(2, () => pick(noise) + eol).join('');
      const after = `${quote}${pick(['', ' # why'])}${rest}`;
      const text = `${pick(['', '\ufeff'])}${before}${head}${value}${after}`;
      const planned = change(text, {connection_limit: '7', pool_timeout: '10', connect_timeout: '5'});
      if (planned.change.edits.length === 0) continue;
      changes++;
      const changed = applyChange(text, planned.change);
      if (typeof changed !== 'string') throw new Error(`does not fit: ${JSON.stringify(text)}`);
      expect(changed.startsWith(text.slice(0, text.indexOf(value)) + value.split(/[?#]/)[0]?.trimEnd())).toBe(
        true,
      );
      expect(changed.endsWith(fragment + after)).toBe(true);
      const parameters = readParameters(findVariable(changed, variable)?.value ?? '');
      expect([parameters.get('connection_limit'), parameters.get('pool_timeout')?.trim()]).toEqual([
        '7',
        '10',
      ]);
      expect(applyChange(changed, invertChange(planned.change))).toBe(text);
      expect(queryEdits(findVariable(changed, variable)?.value ?? '', {connection_limit: '7'})).toEqual([]);
    }
    expect(changes).toBeGreaterThan(2000);
  });

  it('is restored from the edits alone', () => {
    expect(setUrlQuery(`A=${url}`, {variable: 'A', edits: [{before: '', after: 'x=1'}]})).toBeUndefined();
    expect(setUrlQuery(`A=${url}?`, {variable: 'A', edits: [{before: '', after: 'x=1'}]})).toBe(
      `A=${url}?x=1`,
    );
    expect(setUrlQuery(`B=${url}`, {variable: 'A', edits: []})).toBeUndefined();
  });
});
