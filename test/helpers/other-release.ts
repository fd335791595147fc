import {execFile} from 'node:child_process';
import {mkdir, readdir, rename, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {promisify} from 'node:util';
import {cachePath, exists, makeOnce, requireOwnFolder} from './cached-folder.ts';

/** A package of another release of Debian than this machine's. */
export type OtherRelease = {
  package: string;
  /** Where the package and its libraries are found, the release with most of them first: `['sid', 'experimental']`. */
  suites: [string, ...string[]];
  /** Files of the package that are started, relative to the root folder: `usr/sbin/pgbouncer`. */
  programs: string[];
  /** Without the libraries that it needs: a module of a server, which has them. */
  isAlone?: boolean;
};

/** The root folder of an unpacked package; null if it has not been fetched. */
export async function fetchedRelease(release: OtherRelease): Promise<string | null> {
  const cache = cacheOf(release);
  if (!(await exists(cache))) return null;
  await requireOwnFolder(cache);
  return cache;
}

/**
 * The same, fetched if it has not been, by apt-get with sources and lists of its own: this machine's packages stay as they are. Its
 * programs run with the libc of their release, which is unpacked, too. Throws where apt-get or the package cannot be had.
 */
export async function fetchRelease(release: OtherRelease): Promise<string> {
  const cache = cacheOf(release);
  await makeOnce(cache, async folder => {
    const apt = await prepareApt(folder, release.suites);
    const packages = path.join(folder, 'packages');
    await mkdir(packages);
    const suite = release.suites.at(-1);
    const libraries = release.isAlone ? [] : await librariesWith(apt, `${release.package}/${suite}`);
    // The package's own suite comes first, where it has the library.
    const wanted = [release.package, ...libraries];
    const found = await apt('apt-cache', ['madison', ...wanted]);
    const inSuite = new Set(
      found.split('\n').flatMap(line => (line.includes(` ${suite}/main `) ? line.trim().split(' ', 1) : [])),
    );
    const sources = wanted.map(name => (inSuite.has(name) ? `${name}/${suite}` : name));
    await apt('apt-get', ['download', '-o', 'APT::Sandbox::User=root', ...sources], packages);
    const root = path.join(folder, 'root');
    for (const file of await readdir(packages)) {
      await run('dpkg-deb', ['-x', path.join(packages, file), root]);
    }
    for (const program of release.programs) await wrap(root, cache, program);
    return root;
  });
  return cache;
}

const run = promisify(execFile);

type Apt = (tool: 'apt-get' | 'apt-cache', words: string[], cwd?: string) => Promise<string>;

async function prepareApt(folder: string, suites: string[]): Promise<Apt> {
  const {stdout} = await run('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Label: Debian']);
  const [mirror] = stdout.split('\n');
  if (!mirror) throw new Error('apt-get has no sources of Debian here');
  const state = path.join(folder, 'apt');
  await Promise.all(
    ['lists/partial', 'archives/partial'].map(each => mkdir(path.join(state, each), {recursive: true})),
  );
  const sources = path.join(state, 'sources.list');
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const lines = suites.map(suite => `deb [signed-by=${keys}] ${mirror} ${suite} main\n`);
  await Promise.all([
    writeFile(sources, lines.join('')),
    // Nothing is installed, as far as these calls know.
    writeFile(path.join(state, 'status'), ''),
  ]);
  const options = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': path.join(state, 'lists'),
    'Dir::State::status': path.join(state, 'status'),
    'Dir::Cache': state,
  };
  const settings = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const apt: Apt = async (tool, words, cwd = folder) => {
    const done = await run(tool, [...settings, ...words], {cwd, timeout: 300_000, maxBuffer: 2 ** 26});
    return done.stdout;
  };
  await apt('apt-get', ['update']);
  return apt;
}

const onlyDepends = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
  each => `--no-${each}`,
);

/** The names of the libraries that packages depend on. */
async function librariesOf(apt: Apt, names: string[], more: string[]): Promise<string[]> {
  const printed = await apt('apt-cache', ['depends', ...onlyDepends, ...more, ...names]);
  const found = printed.matchAll(/^(?: +Depends: )?(lib[^\s:<>]+)$/gm);
  return [...new Set([...found].map(([, name = '']) => name))];
}

/** Those that a package needs, and those that these need. */
async function librariesWith(apt: Apt, name: string): Promise<string[]> {
  const direct = await librariesOf(apt, [name], []);
  return [...new Set([...direct, ...(await librariesOf(apt, direct, ['--recurse']))])];
}

/** Puts a script in a program's place, which starts it with its own loader, as if by its own name. */
async function wrap(root: string, cache: string, program: string): Promise<void> {
  const [triplet = ''] = (await readdir(path.join(root, 'usr', 'lib'))).filter(name =>
    name.includes('-linux-'),
  );
  const libraries = path.join(cache, 'usr', 'lib', triplet);
  const [loader = ''] = (await readdir(path.join(root, 'usr', 'lib', triplet))).filter(name =>
    /^ld-linux.*\.so\.\d+$/.test(name),
  );
  const file = path.join(root, program);
  await rename(file, `${file}.real`);
  const own = path.join(cache, program);
  const start = `${path.join(libraries, loader)} --library-path ${libraries} --argv0 ${own} ${own}.real`;
  await writeFile(file, `#!/bin/sh\nexec ${start} "$@"\n`, {mode: 0o755});
}

function cacheOf({package: name, suites}: OtherRelease): string {
  return cachePath(`${name}-${suites.at(-1)}`);
}
