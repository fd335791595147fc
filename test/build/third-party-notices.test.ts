import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {bundledPackages, isAllowed, thirdPartyNotices} from '../../build/third-party-notices.mjs';
import {program} from '../helpers/build.ts';

describe('the notices of the built program', () => {
  const dist = dirname(program);
  let notices: string;
  let packages: string[];

  beforeAll(async () => {
    notices = await readFile(`${dist}/THIRD-PARTY-NOTICES.txt`, 'utf8');
    packages = bundledPackages(JSON.parse(await readFile(`${dist}/meta.json`, 'utf8')));
  });

  test('name every bundled package with the text of its licence', async () => {
    expect(packages.length).toBeGreaterThan(80);
    const [list = '', ...sections] = notices.split(`\n${'-'.repeat(80)}\n`);
    for (const folder of packages) {
      const {name, version} = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
      expect(list).toContain(`\n- ${name} ${version}: `);
      const section = sections.find(each => each.split('\n\n')[0]?.includes(`${name} ${version} (`)) ?? '';
      expect(section, name).toMatch(
        /permission is hereby granted|redistribution and use|blue oak model license|permission to use, copy|apache license\s+version 2\.0/i,
      );
    }
  });

  test('name what is compiled into WebAssembly and into packages', () => {
    expect(notices).toContain('Portions Copyright (c) 1994, The Regents of the University of California');
    expect(notices).toContain('Lukas Fittl');
    expect(notices).toContain('VoidZero Inc.');
    expect(notices).toContain('Sebastian McKenzie and other contributors');
    expect(notices).toContain('decimal.js v10');
  });
});

describe('a package', () => {
  let root: string;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'poolctl-notices-'));
  });
  afterAll(() => rm(root, {recursive: true, force: true}));

  async function noticesFor(name: string, manifest: object, files: Record<string, string>): Promise<string> {
    const folder = `node_modules/${name}`;
    await mkdir(join(root, folder), {recursive: true});
    await writeFile(
      join(root, folder, 'package.json'),
      JSON.stringify({name, version: '1.0.0', ...manifest}),
    );
    for (const [file, text] of Object.entries(files)) await writeFile(join(root, folder, file), text);
    const outputs = {'dist/a.js': {inputs: {[`${folder}/index.js`]: {bytesInOutput: 10}}}};
    return thirdPartyNotices({outputs}, [], root);
  }

  const mit = 'Copyright (c) The Authors\n\nPermission is hereby granted, free of charge, to any person';

  test('with a licence that is not allowed fails the build', async () => {
    await expect(noticesFor('copyleft', {license: 'GPL-3.0-only'}, {LICENSE: 'GNU'})).rejects.toThrow(
      'Licence not allowed in the bundle (build/third-party-notices.mjs): copyleft 1.0.0: GPL-3.0-only',
    );
  });

  test('without a licence text fails the build', async () => {
    await expect(noticesFor('textless', {license: 'MIT'}, {})).rejects.toThrow(
      /No licence text found in .*textless/,
    );
  });

  test('without a declared licence is recognised by its text, or fails the build', async () => {
    expect(await noticesFor('undeclared', {}, {'LICENSE.md': mit})).toContain('- undeclared 1.0.0: MIT');
    await expect(noticesFor('unknown', {}, {LICENSE: 'All rights reserved.'})).rejects.toThrow(
      'unknown 1.0.0: none declared',
    );
  });

  test('without a licence file is covered by the licence section of its README', async () => {
    const notices = await noticesFor(
      'readme',
      {license: 'MIT'},
      {'README.md': `# readme\n\n## License\n\n${mit}`},
    );
    expect(notices).toContain('Copyright (c) The Authors');
    expect(notices).not.toContain('# readme');
  });

  test('may list its licences in the old form', async () => {
    const manifest = {licenses: [{type: 'MIT'}, {type: 'GPL-2.0'}]};
    expect(await noticesFor('listed', manifest, {LICENSE: mit})).toContain('- listed 1.0.0: MIT OR GPL-2.0');
  });
});

test.each([
  ['MIT', true],
  ['(MIT AND Zlib)', true],
  ['(MIT OR GPL-3.0-only)', true],
  ['MIT AND GPL-3.0-only', false],
  ['(MIT OR GPL-2.0-only) AND LGPL-3.0-only', false],
  ['GPL-3.0-only', false],
  ['SEE LICENSE IN LICENSE', false],
])('the expression %s is allowed: %s', (expression, isExpected) => {
  expect(isAllowed(expression)).toBe(isExpected);
});
