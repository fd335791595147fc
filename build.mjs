import {chmod, copyFile, cp, mkdir, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {build} from 'esbuild';
import {startInOneChunk, yogaWithoutFetch} from './build/esbuild-plugins.mjs';
import {inkOnAGrid} from './build/ink-on-a-grid.mjs';
import {thirdPartyNotices} from './build/third-party-notices.mjs';
import {generateClients} from './source/demo/prisma/generate.mjs';

await generateClients();

const options = {
  entryPoints: {
    main: 'cli.tsx',
    'demo-traffic': 'source/demo/traffic-process.ts',
    'replay-worker': 'source/cli/replay/replay-worker.ts',
    'scan-worker': 'source/cli/scan/scan-worker.ts',
    // What `import {defineRecipe} from 'poolctl'` resolves to where poolctl is installed.
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
  // pg loads pg-native only when asked for it; Ink loads its development tools only when DEV is "true".
  external: ['pg-native', '*/devtools.js'],
  // CommonJS packages (pg, react) load Node's own modules through require; libpg-query reads its file's folder.
  banner: {
    js: 'const require=process.getBuiltinModule,__dirname=import.meta.dirname;',
  },
  // Written to THIRD-PARTY-NOTICES.txt below.
  legalComments: 'external',
  plugins: [yogaWithoutFetch, inkOnAGrid],
  metafile: true,
  logLevel: 'error',
};
const draft = await build({...options, write: false});
const {metafile} = await build({
  ...options,
  plugins: [
    ...options.plugins,
    startInOneChunk(draft.metafile, [options.entryPoints['demo-traffic'], options.entryPoints.poolctl]),
  ],
});
// What applications load as 'poolctl/kit', beside their pg and their Prisma Client: CommonJS, which also Jest's own loader takes.
const kit = await build({
  entryPoints: ['source/kit/kit.ts'],
  outfile: 'dist/kit.cjs',
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: options.target,
  external: ['pg', '@prisma/client'],
  legalComments: 'external',
  metafile: true,
  logLevel: 'error',
});
await writeKitModule();
Object.assign(metafile.outputs, kit.metafile.outputs);
// PostgreSQL's own parser, beside the chunk that loads it.
await copyFile('node_modules/libpg-query/wasm/libpg-query.wasm', 'dist/chunks/libpg-query.wasm');
// The parser for TypeScript, where source/scan/code/parser.ts looks for it.
await copyFile('node_modules/oxc-parser/parser.wasm32-wasip1.wasm', 'dist/chunks/oxc-parser.wasm');
// Loaded at run time like a team's own endpoints, so that their line numbers can be reported.
await rm('dist/endpoints', {recursive: true, force: true});
await cp('recipes/endpoints', 'dist/endpoints', {recursive: true});
await writeNotices();
await removeStaleFiles();
// Names the oldest Node in one line where an older one runs it; any other loads dist/main.js.
await copyFile('source/cli/node-floor.js', 'dist/cli.js');
await chmod('dist/cli.js', 0o755);
// For tests and measurements; package.json's `files` keeps it out of the package.
await writeFile('dist/meta.json', JSON.stringify(metafile));

async function writeNotices() {
  const comments = [];
  for (const path of Object.keys(metafile.outputs).filter(each => each.endsWith('.LEGAL.txt'))) {
    comments.push(await readFile(path, 'utf8'));
    await rm(path);
  }
  await writeFile('dist/THIRD-PARTY-NOTICES.txt', await thirdPartyNotices(metafile, comments));
}

/** `import` gets the same kit as `require`: a process that does both has one. For types, each names the functions of kit.d.ts. */
async function writeKitModule() {
  const names = Object.keys(createRequire(import.meta.url)('./dist/kit.cjs'));
  await writeFile('dist/kit.js', `export {${names.join(', ')}} from './kit.cjs';\n`);
  const asModule = `with {'resolution-mode': 'import'}`;
  await mkdir('dist/types/kit', {recursive: true});
  await writeFile(
    'dist/types/kit/kit.d.cts',
    [
      `export type * from './kit.ts' ${asModule};`,
      `import type * as kit from './kit.ts' ${asModule};`,
      ...names.map(name => `export declare const ${name}: typeof kit.${name};`),
      '',
    ].join('\n'),
  );
}

/** Removes what an earlier build left, after everything is written: a running program never finds `dist` empty. */
async function removeStaleFiles() {
  const built = new Set(Object.keys(metafile.outputs).map(path => path.slice('dist/'.length)));
  for (const path of await readdir('dist', {recursive: true})) {
    if (/\.c?js(\.LEGAL\.txt)?$/.test(path) && !built.has(path) && !['cli.js', 'kit.js'].includes(path))
      await rm(`dist/${path}`);
  }
}
