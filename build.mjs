import {chmod, copyFile, cp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {extname, resolve} from 'node:path';
import process from 'node:process';
import {build} from 'esbuild';
import {generateClients} from './source/demo/prisma/generate.mjs';

/** Ink imports its development tools only when DEV is set; the bundle leaves them out. */
const withoutDevtools = {
  name: 'without-devtools',
  setup(esbuild) {
    esbuild.onResolve({filter: /^(react-devtools-core|pg-native|\.\/devtools\.js)$/}, ({path}) => ({
      path,
      namespace: 'nothing',
    }));
    esbuild.onLoad({filter: /.*/, namespace: 'nothing'}, () => ({contents: 'export default {}'}));
  },
};

/**
 * meow brings its dependencies as one file that sets up the reading of package.json (SPDX, semver, code frames, child
 * processes: 100 kB and 15 ms of every call with a flag) before anybody asks. poolctl gives meow its `pkg`, so none of
 * it is ever called: without those two exports, and with its set-up marked as pure, the bundle leaves it out.
 */
const meowWithoutPackageReading = {
  name: 'meow-without-package-reading',
  setup(esbuild) {
    esbuild.onLoad({filter: /\/meow\/build\/dependencies\.js$/}, async ({path}) => ({
      contents: `${(await readFile(path, 'utf8'))
        .replace(/\b(readPackageUpSync|normalizePackageData) as /g, 'packageReading as ')
        .replace(
          /^((?:var|const) \w+ = )(require\w*(?:\$\d+)?\(\)|getDefaultExportFromCjs\()/gm,
          '$1/* @__PURE__ */ $2',
        )
        .replace(/^promisify\(execFile\);$/m, '')}\nconst packageReading = () => {};`,
    }));
  },
};

/**
 * Yoga, Ink's layout, asks `fetch` for its own data: URL, and node's fetch is undici: 60 ms and 6 MB to unpack a string.
 * Where there is no fetch, Yoga decodes it itself.
 */
const yogaWithoutFetch = {
  name: 'yoga-without-fetch',
  setup(esbuild) {
    esbuild.onLoad({filter: /\/yoga-wasm-base64-esm\.js$/}, async ({path}) => ({
      contents: `const fetch = undefined;\n${await readFile(path, 'utf8')}`,
    }));
  },
};

/**
 * What the console starts with, in one file. A module goes to a chunk by which entry points reach it, so a start that
 * shares modules with 40 lazily loaded rooms was read from 48 files, and each costs the start some 0.4 ms. Where every
 * such room imports all of the start (which is loaded by then), one chunk holds it.
 */
function startInOneChunk({outputs}, entryPoints) {
  const start = new Set();
  for (const path of staticClosure(outputs, 'dist/cli.js'))
    for (const input of Object.keys(outputs[path].inputs)) if (input !== 'cli.tsx') start.add(input);
  const rooms = Object.values(outputs)
    .flatMap(({entryPoint}) => entryPoint ?? [])
    .filter(path => path.startsWith('source/') && !entryPoints.includes(path) && !start.has(path));
  return {
    name: 'start-in-one-chunk',
    setup(esbuild) {
      const files = new Set(rooms.map(path => resolve(path)));
      esbuild.onLoad({filter: /\.tsx?$/}, async ({path}) =>
        files.has(path)
          ? {contents: `${await readFile(path, 'utf8')}\nimport 'the-start';`, loader: extname(path).slice(1)}
          : undefined,
      );
      esbuild.onResolve({filter: /^the-start$/}, ({path}) => ({path, namespace: 'start'}));
      esbuild.onLoad({filter: /.*/, namespace: 'start'}, () => ({
        contents: [...start].map(path => `import ${JSON.stringify(resolve(path))};`).join('\n'),
        resolveDir: process.cwd(),
      }));
    },
  };
}

/** The outputs that are loaded along with one. */
function staticClosure(outputs, from, found = new Set()) {
  if (found.has(from) || !outputs[from]) return found;
  found.add(from);
  for (const {path, kind} of outputs[from].imports)
    if (kind === 'import-statement') staticClosure(outputs, path, found);
  return found;
}

await generateClients();

const options = {
  entryPoints: {
    cli: 'cli.tsx',
    'demo-traffic': 'source/demo/traffic-process.ts',
    'replay-worker': 'source/cli/replay/replay-worker.ts',
    // What `import {defineRecipe} from 'poolctl'` finds where poolctl is installed.
    poolctl: 'source/poolctl.ts',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  jsx: 'automatic',
  chunkNames: 'chunks/[name]-[hash]',
  define: {'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"'},
  // CommonJS packages (pg, react) ask for node's own modules through require; libpg-query for its file's folder.
  banner: {
    js: "import {createRequire as poolctlRequire} from 'node:module';const require=poolctlRequire(import.meta.url),__dirname=import.meta.dirname;",
  },
  legalComments: 'linked',
  plugins: [withoutDevtools, meowWithoutPackageReading, yogaWithoutFetch],
  metafile: true,
  logLevel: 'error',
};
const draft = await build({...options, write: false});
const {metafile} = await build({
  ...options,
  plugins: [...options.plugins, startInOneChunk(draft.metafile, Object.values(options.entryPoints))],
});
// PostgreSQL's own parser, beside the chunk that loads it.
await copyFile('node_modules/libpg-query/wasm/libpg-query.wasm', 'dist/chunks/libpg-query.wasm');
// Read at run time as a team's own endpoints are, so that lines of theirs can be told.
await rm('dist/endpoints', {recursive: true, force: true});
await cp('recipes/endpoints', 'dist/endpoints', {recursive: true});
// What an earlier build left; removed last, so that a program that is running never finds `dist` empty.
const built = new Set(Object.keys(metafile.outputs).map(path => path.slice('dist/'.length)));
for (const path of await readdir('dist', {recursive: true})) {
  if (/\.js(\.LEGAL\.txt)?$/.test(path) && !built.has(path)) await rm(`dist/${path}`);
}
await chmod('dist/cli.js', 0o755);
if (process.argv.includes('--meta')) await writeFile('dist/meta.json', JSON.stringify(metafile));
