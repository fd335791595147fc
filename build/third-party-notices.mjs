import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';

/** SPDX identifiers of licences whose code may be in the bundle. */
const allowed = new Set([
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  '0BSD',
  'BlueOak-1.0.0',
  'PostgreSQL',
  'Zlib',
  'Unlicense',
  'CC0-1.0',
]);

/** Code that is compiled into a package without being a dependency of it, so that no package.json names it. */
const compiledIn = {
  'libpg-query': [
    {name: 'PostgreSQL (its parser, in libpg-query.wasm)', license: 'PostgreSQL', file: 'PostgreSQL.txt'},
    {name: 'libpg_query (in libpg-query.wasm)', license: 'BSD-3-Clause', file: 'libpg_query.txt'},
  ],
  // What runs oxc-parser.wasm, which is no module of the bundle.
  '@emnapi/core': [
    {
      name: 'oxc-parser (in oxc-parser.wasm)',
      license: 'MIT',
      copyright: 'Copyright (c) 2024-present VoidZero Inc. & Contributors\nCopyright (c) 2023 Boshen',
      file: 'MIT.txt',
    },
  ],
  jiti: [
    {
      name: 'Babel (in jiti)',
      license: 'MIT',
      copyright: 'Copyright (c) 2014-present Sebastian McKenzie and other contributors',
      file: 'MIT.txt',
    },
  ],
};

/** Copyright lines of packages without a licence text, above the standard text of their licence. */
const copyrightLines = {
  '@assemblyscript/loader': 'Copyright The AssemblyScript Authors, Daniel Wirtz and contributors',
  'yoga-layout': 'Copyright (c) Meta Platforms, Inc. and affiliates.',
};

/**
 * The text of THIRD-PARTY-NOTICES.txt: every package whose code is in the bundle, with its licence text, and the
 * licence comments that esbuild collected. `metafile` is esbuild's; `legalComments` are the texts of its
 * `.LEGAL.txt` files. Throws where a package has no licence text or a licence that is not allowed.
 */
export async function thirdPartyNotices(metafile, legalComments = [], root = '.') {
  const notices = [];
  for (const folder of bundledPackages(metafile)) notices.push(...(await noticesOf(join(root, folder))));
  const refused = notices.filter(({license}) => !isAllowed(license));
  if (refused.length > 0) {
    const names = refused.map(({name, license}) => `${name}: ${license}`).join(', ');
    throw new Error(`Licence not allowed in the bundle (build/third-party-notices.mjs): ${names}`);
  }
  const parts = [
    'poolctl contains code of these packages. Their licences follow.\n',
    ...notices.map(({name, license}) => `- ${name}: ${license}`),
    ...[...byText(notices)].map(([text, names]) => section(names.join('\n'), text)),
    ...legalComments.map(text => section('Licence comments in bundled files', text)),
  ];
  return `${parts.join('\n')}\n`;
}

/** Names of the packages that share a licence text word for word, by that text. */
function byText(notices) {
  const groups = new Map();
  for (const {name, license, text} of notices) {
    const key = text.replaceAll('\r\n', '\n').trim();
    groups.set(key, [...(groups.get(key) ?? []), `${name} (${license})`]);
  }
  return groups;
}

/** Folders of the packages with at least one byte in an output, sorted: `node_modules/pg`, also nested ones. */
export function bundledPackages({outputs}) {
  const folders = new Set();
  for (const {inputs} of Object.values(outputs)) {
    for (const [path, {bytesInOutput}] of Object.entries(inputs)) {
      const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
      if (folder !== undefined && bytesInOutput > 0) folders.add(folder);
    }
  }
  return [...folders].sort();
}

/** Whether the licences of an SPDX expression are allowed. If it has both AND and OR, all of them must be. */
export function isAllowed(expression) {
  const identifiers = expression
    .replace(/[()]/g, ' ')
    .trim()
    .split(/\s+(?:AND|OR)\s+/);
  const isChoice = / OR /.test(expression) && !/ AND /.test(expression);
  return isChoice
    ? identifiers.some(each => allowed.has(each))
    : identifiers.every(each => allowed.has(each));
}

async function noticesOf(folder) {
  const {name, version, license, licenses} = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const text = await licenseTextOf(folder, name, license);
  const own = {
    name: `${name} ${version}`,
    license: license ?? licenses?.map(({type}) => type).join(' OR ') ?? recognise(text),
    text,
  };
  const others = (compiledIn[name] ?? []).map(async ({file, copyright, ...other}) => ({
    ...other,
    text: [copyright, await standardText(file)].filter(Boolean).join('\n\n'),
  }));
  return [own, ...(await Promise.all(others))];
}

/** The package's licence files, otherwise its README's section, otherwise the standard text below its copyright line. */
async function licenseTextOf(folder, name, license) {
  const files = (await readdir(folder)).filter(file => /^(licen[cs]e|copying|notice)/i.test(file));
  if (files.length > 0) {
    const texts = await Promise.all(files.map(file => readFile(join(folder, file), 'utf8')));
    return texts.join('\n\n');
  }
  const readme = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '');
  const inReadme = /^#+ licen[cs]e\s*\n([\s\S]*)/im.exec(readme)?.[1] ?? '';
  if (/Permission is hereby granted/.test(inReadme)) return inReadme;
  if (copyrightLines[name] !== undefined)
    return `${copyrightLines[name]}\n\n${await standardText(`${license}.txt`)}`;
  throw new Error(
    `No licence text found in ${folder}: add its copyright line to build/third-party-notices.mjs`,
  );
}

function standardText(file) {
  return readFile(new URL(`licenses/${file}`, import.meta.url), 'utf8');
}

/** The licence of a package that declares none, recognised by its text. */
function recognise(text) {
  if (/Permission is hereby granted, free of charge/.test(text)) return 'MIT';
  if (/Apache License\s+Version 2\.0/.test(text)) return 'Apache-2.0';
  return 'none declared';
}

function section(title, text) {
  return `\n${'-'.repeat(80)}\n${title}\n\n${text.trim()}`;
}
