import {describe, expect, test} from 'vitest';
import {
  bounds,
  brokenLinks,
  changelogProblems,
  packageProblems,
  secretsIn,
} from '../../build/release-rules.mjs';

describe('the changelog of a version', () => {
  const text = (...sections: string[]) => ['# Changelog', ...sections].join('\n\n');
  const unreleased = '## [Unreleased]\n\n### Added\n';

  test.each([
    ['a section with entries', text(unreleased, '## [1.0.0]\n\n### Added\n\n- One'), undefined, []],
    ['no section', text(unreleased), undefined, ['CHANGELOG.md has no entries for 1.0.0']],
    [
      'an empty section',
      text(unreleased, '## [1.0.0]\n'),
      undefined,
      ['CHANGELOG.md has no entries for 1.0.0'],
    ],
    [
      'no section for the next release',
      text('## [1.0.0]\n\n- One'),
      undefined,
      ['CHANGELOG.md has no section [Unreleased]'],
    ],
    ['a tag and a date', text(unreleased, '## [1.0.0] - 2026-12-01\n\n- One'), 'v1.0.0', []],
    [
      'a tag without a date',
      text(unreleased, '## [1.0.0]\n\n- One'),
      'v1.0.0',
      ['CHANGELOG.md: "## [1.0.0]" has no date'],
    ],
    [
      'another tag, and entries that are not in the release',
      text(`${unreleased}\n- Two`, '## [1.0.0] - 2026-12-01\n\n- One'),
      'v1.0.1',
      ['the tag v1.0.1 is not v1.0.0', 'CHANGELOG.md has entries under [Unreleased]'],
    ],
  ])('%s', (_case, changelog, tag, problems) => {
    expect(changelogProblems(changelog, '1.0.0', tag)).toEqual(problems);
  });
});

describe('the contents of the package', () => {
  const paths = [
    'package.json',
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'dist/cli.js',
    'dist/main.js',
    'man/poolctl.1',
    'dist/poolctl.js',
    'dist/kit.js',
    'dist/kit.cjs',
    'dist/chunks/app-3XWTIIN4.js',
    'dist/chunks/libpg-query.wasm',
    'dist/chunks/oxc-parser.wasm',
    'dist/types/poolctl.d.ts',
    'dist/types/kit/kit.d.ts',
    'dist/types/kit/kit.d.cts',
    'docs/schemas/check.json',
    'dist/types/core/errors.d.ts',
    'dist/THIRD-PARTY-NOTICES.txt',
    'recipes/examples/sequence-running-out.md',
  ];
  const packed = (more: string[] = [], sizes = {size: 1, unpackedSize: 1}) => ({
    files: [...paths, ...more].map(path => ({path})),
    ...sizes,
  });

  test('are complete', () => {
    expect(packageProblems(packed())).toEqual([]);
    expect(packageProblems({...packed(), files: []})).toContain('missing: dist/cli.js');
  });

  test.each([
    'source/core/errors.ts',
    'test/helpers/server.ts',
    '.env',
    'dist/meta.json',
    'dist/cli.js.map',
    'dist/chunks/app.js.map',
    'recipes/examples/.env',
    'build.mjs',
  ])('do not include %s', path => {
    expect(packageProblems(packed([path]))).toEqual([`unexpected: ${path}`]);
  });

  test('are refused above the size limits', () => {
    const problems = packageProblems(
      packed([], {size: bounds.size + 1, unpackedSize: bounds.unpackedSize + 1}),
    );
    expect(problems).toHaveLength(2);
    expect(packageProblems(packed([], bounds))).toEqual([]);
  });
});

test.each([
  ['-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ', ['a private key']],
  [`npm_${'a1'.repeat(18)}`, ['an npm token']],
  ['//registry.example/:_authToken=abc', ['an npm token']],
  [`ghp_${'a1'.repeat(18)}`, ['a GitHub token']],
  ['AKIAABCDEFGHIJKLMNOP', ['an AWS key']],
  ['-----BEGIN CERTIFICATE-----', []],
  ['text that names "-----BEGIN PRIVATE KEY-----" only', []],
])('secrets in %j', (text, kinds) => {
  expect(secretsIn(text)).toEqual(kinds);
});

test('relative links are resolved from their file; code, anchors and URLs are not links to files', () => {
  const files = ['README.md', 'docs/decisions/README.md', 'docs/threat-model.md'];
  const text = [
    '[a](docs/threat-model.md) [b](docs/decisions) [c](docs/decisions/) [d](#part) [e](https://example.org)',
    '[f](docs/gone.md#part) `[g](nowhere.md)`',
    '```\n[h](nowhere.md)\n```',
  ].join('\n');
  expect(brokenLinks('README.md', text, files)).toEqual(['README.md: broken link docs/gone.md#part']);
  expect(brokenLinks('docs/decisions/README.md', '[a](../threat-model.md) [b](gone.md)', files)).toEqual([
    'docs/decisions/README.md: broken link gone.md',
  ]);
});
