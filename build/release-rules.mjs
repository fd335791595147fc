import {posix} from 'node:path';

/** Maximum sizes of the package, in bytes. */
export const bounds = {size: 3_500_000, unpackedSize: 12_000_000};

/** The paths that the package may contain. */
const allowedPaths = [
  /^(package\.json|LICENSE|README\.md|CHANGELOG\.md)$/,
  /^dist\/kit\.cjs$/,
  /^dist\/(cli|main|poolctl|kit|replay-worker|scan-worker|demo-traffic)\.js$/,
  /^dist\/chunks\/[\w.-]+\.js$/,
  /^dist\/chunks\/(libpg-query|oxc-parser)\.wasm$/,
  /^dist\/endpoints\/([\w-]+\/)?[\w-]+\.ts$/,
  /^dist\/types\/([\w-]+\/)*[\w-]+\.d\.c?ts$/,
  /^dist\/THIRD-PARTY-NOTICES\.txt$/,
  /^man\/poolctl\.1$/,
  /^docs\/schemas\/[\w-]+\.json$/,
  /^recipes\/examples\/[\w-]+\.md$/,
];

const requiredPaths = [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'dist/cli.js',
  'dist/main.js',
  'man/poolctl.1',
  'dist/poolctl.js',
  'dist/kit.js',
  'dist/kit.cjs',
  'dist/chunks/libpg-query.wasm',
  'dist/chunks/oxc-parser.wasm',
  'dist/types/poolctl.d.ts',
  'dist/types/kit/kit.d.ts',
  'dist/types/kit/kit.d.cts',
  'dist/THIRD-PARTY-NOTICES.txt',
];

/** The problems of an entry of `npm pack --json`: unexpected and missing paths, sizes over the bounds. */
export function packageProblems({files, size, unpackedSize}) {
  const paths = files.map(({path}) => path);
  return [
    ...paths.filter(path => !allowedPaths.some(each => each.test(path))).map(path => `unexpected: ${path}`),
    ...requiredPaths.filter(path => !paths.includes(path)).map(path => `missing: ${path}`),
    ...(size > bounds.size ? [`packed it has ${size} bytes, more than ${bounds.size}`] : []),
    ...(unpackedSize > bounds.unpackedSize
      ? [`unpacked it has ${unpackedSize} bytes, more than ${bounds.unpackedSize}`]
      : []),
  ];
}

const secrets = {
  'a private key': /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{20}/,
  'an npm token': /\bnpm_[A-Za-z0-9]{36}\b|_authToken\s*=\s*\S/,
  'a GitHub token': /\bgh[pousr]_[A-Za-z0-9]{36,}\b/,
  'an AWS key': /\bAKIA[0-9A-Z]{16}\b/,
};

/** Kinds of secrets found in a text. */
export function secretsIn(text) {
  return Object.entries(secrets).flatMap(([kind, pattern]) => (pattern.test(text) ? [kind] : []));
}

/**
 * The problems of the changelog for `version`. It needs a section of the version. With a tag, the tag must name the
 * version, its section needs a date, and "Unreleased" must be empty.
 */
export function changelogProblems(text, version, tag) {
  const sections = new Map();
  for (const part of text.split(/^## /m).slice(1)) {
    const [heading = '', ...lines] = part.split('\n');
    sections.set(heading, lines.filter(line => /^- /.test(line)).length);
  }
  const heading = [...sections.keys()].find(each => each.startsWith(`[${version}]`));
  const problems = [];
  if (heading === undefined || sections.get(heading) === 0)
    problems.push(`CHANGELOG.md has no entries for ${version}`);
  if (!sections.has('[Unreleased]')) problems.push('CHANGELOG.md has no section [Unreleased]');
  if (tag === undefined) return problems;
  if (tag !== `v${version}`) problems.push(`the tag ${tag} is not v${version}`);
  if (heading !== undefined && !/^\[[^\]]+\] - \d{4}-\d{2}-\d{2}$/.test(heading))
    problems.push(`CHANGELOG.md: "## ${heading}" has no date`);
  if (sections.get('[Unreleased]') > 0) problems.push('CHANGELOG.md has entries under [Unreleased]');
  return problems;
}

/** Relative links of a Markdown file to paths that are not among `files`, those of the repository. */
export function brokenLinks(file, text, files) {
  const prose = text.replace(/^(`{3,}).*?^\1/gms, '').replace(/`[^`\n]*`/g, '');
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.flatMap(link => {
    if (/^(#|[a-z]+:)/i.test(link)) return [];
    const [path = ''] = link.split('#');
    const target = posix.normalize(posix.join(posix.dirname(file), path)).replace(/\/$/, '');
    const isThere = files.some(each => each === target || each.startsWith(`${target}/`));
    return isThere ? [] : [`${file}: broken link ${link}`];
  });
}
