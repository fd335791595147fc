import {readFile} from 'node:fs/promises';
import {extname, resolve} from 'node:path';

/**
 * Hides `fetch` from Yoga, Ink's layout engine, which otherwise fetches its own data: URL and so loads undici. Without
 * `fetch` it decodes the WebAssembly itself.
 *
 * Gain: 35 ms of CPU time and 4 MB of memory in the console's first 6 s (355 instead of 390 ms; medians of 8 interleaved
 * runs on a busy machine). Nothing before the first frame, which is drawn without Ink.
 */
export const yogaWithoutFetch = {
  name: 'yoga-without-fetch',
  setup(esbuild) {
    esbuild.onLoad({filter: /\/yoga-wasm-base64-esm\.js$/}, async ({path}) => ({
      contents: `const fetch = undefined;\n${await readFile(path, 'utf8')}`,
    }));
  },
};

/**
 * Keeps the modules that `dist/main.js` loads at once in a single chunk.
 *
 * esbuild puts a module into a chunk by the set of entry points that reach it. The start shares modules with some sixty
 * other entry points, so it was split over 48 files, each of which costs 0.4 ms or more to read. Here each of them also
 * imports the whole start, and the start becomes one set, so one chunk: a lazy one is loaded after it in any case.
 *
 * Gain: 18 ms of CPU time in every start (`--version` 119 instead of 137 ms, first frame 155 instead of 178; medians of
 * 14 interleaved runs on a busy machine).
 *
 * The first argument is the metafile of a build without this plug-in; `apart` are entry points that run without the start
 * and must stay small.
 */
export function startInOneChunk({outputs}, apart) {
  const start = new Set();
  for (const path of staticClosure(outputs, 'dist/main.js'))
    for (const input of Object.keys(outputs[path].inputs)) if (input !== 'cli.tsx') start.add(input);
  const others = Object.values(outputs)
    .flatMap(({entryPoint}) => entryPoint ?? [])
    .filter(path => /^(?:source|recipes)\//.test(path) && !apart.includes(path) && !start.has(path));
  const imports = [...start].map(path => `import ${JSON.stringify(resolve(path))};`).join('\n');
  return {
    name: 'start-in-one-chunk',
    setup(esbuild) {
      const files = new Set(others.map(path => resolve(path)));
      esbuild.onLoad({filter: /\.tsx?$/}, async ({path}) =>
        files.has(path)
          ? {contents: `${await readFile(path, 'utf8')}\n${imports}`, loader: extname(path).slice(1)}
          : undefined,
      );
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
