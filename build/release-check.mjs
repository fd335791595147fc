import {execFile} from 'node:child_process';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import process from 'node:process';
import {fileURLToPath} from 'node:url';
import {parseArgs, promisify} from 'node:util';
import {brokenLinks, changelogProblems, packageProblems, secretsIn} from './release-rules.mjs';
import {bundledPackages} from './third-party-notices.mjs';

/**
 * `npm run release:check [-- --tag vX.Y.Z]`: checks of a release that need no network. Prints a
 * line per check; exit 1 if one fails. With a tag, version and changelog must be final.
 */
const checks = {
  'the working tree is clean': async () => {
    const changed = await output('git', ['status', '--porcelain']);
    return changed === '' ? [] : changed.split('\n').map(line => `not committed: ${line.trim()}`);
  },
  'version, tag and changelog agree': async ({manifest, tag}) => [
    ...changelogProblems(await readFile('CHANGELOG.md', 'utf8'), manifest.version, tag),
    ...(tag !== undefined && manifest.repository === undefined
      ? ['package.json has no "repository", which provenance needs']
      : []),
  ],
  'LICENSE matches package.json, and links resolve': async ({manifest}) => {
    const files = (await output('git', ['ls-files'])).split('\n');
    const documents = files.filter(file => /\.md$/.test(file) && !file.startsWith('test/fixtures/'));
    const broken = await Promise.all(
      documents.map(async file => brokenLinks(file, await readFile(file, 'utf8'), files)),
    );
    const license = await readFile('LICENSE', 'utf8').catch(() => '');
    return [
      ...(license.startsWith(`${manifest.license} License`)
        ? []
        : [`LICENSE is not the ${manifest.license} licence`]),
      ...broken.flat(),
    ];
  },
  'the package has the expected files, and no secret': async ({packed}) => {
    const texts = packed.files.filter(({path}) => !path.endsWith('.wasm'));
    const secrets = await Promise.all(
      texts.map(async ({path}) => secretsIn(await readFile(path, 'utf8')).map(found => `${path}: ${found}`)),
    );
    return [...packageProblems(packed), ...secrets.flat()];
  },
  'third-party notices name every bundled package': async () => {
    const notices = await readFile('dist/THIRD-PARTY-NOTICES.txt', 'utf8');
    const folders = bundledPackages(JSON.parse(await readFile('dist/meta.json', 'utf8')));
    const names = await Promise.all(
      folders.map(async folder => {
        const {name, version} = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
        return `${name} ${version}`;
      }),
    );
    return names.filter(name => !notices.includes(`\n- ${name}: `)).map(name => `missing: ${name}`);
  },
  'it installs without a network and runs': async ({folder, manifest, tarball}) => {
    await writeFile(join(folder, 'package.json'), '{"name": "user", "version": "1.0.0", "type": "module"}');
    await output('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], folder);
    const installed = JSON.parse(await readFile(join(folder, 'node_modules/.package-lock.json'), 'utf8'));
    const others = Object.keys(installed.packages).filter(path => path !== 'node_modules/poolctl');
    const version = await output(join(folder, 'node_modules/.bin/poolctl'), ['--version'], folder);
    const help = await output(join(folder, 'node_modules/.bin/poolctl'), ['--help'], folder);
    return [
      ...others.map(path => `installs ${path} too`),
      ...(version === manifest.version ? [] : [`--version prints ${version}`]),
      ...(help.includes('poolctl') ? [] : ['--help prints nothing']),
    ];
  },
  'its types and its module resolve for a user': async ({folder}) => {
    await writeFile(join(folder, 'recipe.ts'), userRecipe);
    const compiler = resolve('node_modules/.bin/tsc');
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--types', '', 'recipe.ts'];
    await output(compiler, flags, folder);
    const script = "import {defineRecipe} from 'poolctl'; console.log(defineRecipe({id: 'mine'}).id)";
    const printed = await output(process.execPath, ['--input-type=module', '-e', script], folder);
    return printed === 'mine' ? [] : [`import {defineRecipe} from 'poolctl' gave ${printed}`];
  },
};

const userRecipe = `import {defineRecipe} from 'poolctl';
const finding = {recipe: 'mine', severity: 'warning', subject: 'server', summary: 'none', evidence: {}} as const;
export default defineRecipe({id: 'mine', title: 'Mine', summary: 'Mine', parameters: [], diagnose: () => [finding]});
`;

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const {tag} = parseArgs({options: {tag: {type: 'string'}}}).values;
const folder = await mkdtemp(join(tmpdir(), 'poolctl-release-'));
try {
  const manifest = JSON.parse(await readFile('package.json', 'utf8'));
  // Builds first: `prepack`.
  const listed = await output('npm', ['pack', '--json', '--pack-destination', folder]);
  const [packed] = JSON.parse(listed.slice(listed.indexOf('[\n')));
  const context = {tag, folder, manifest, packed, tarball: join(folder, packed.filename)};
  for (const [title, check] of Object.entries(checks)) {
    const problems = await check(context).catch(error => [error.stderr || error.stdout || error.message]);
    console.log(`${problems.length === 0 ? '✔' : '✖'} ${title}`);
    for (const problem of problems) console.log(`    ${problem}`);
    if (problems.length > 0) process.exitCode = 1;
  }
} finally {
  await rm(folder, {recursive: true, force: true});
}

/** What the command prints, trimmed. Rejects when it fails. */
async function output(command, args, cwd = '.') {
  const {stdout} = await promisify(execFile)(command, args, {cwd, maxBuffer: 64 * 1024 * 1024});
  return stdout.trim();
}
