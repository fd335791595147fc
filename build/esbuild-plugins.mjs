import {readFile} from 'node:fs/promises';
import {extname, resolve} from 'node:path';

const decodeBytes =
  'var b=xa(a.slice(37)),c=new Uint8Array(b.length);for(a=0;a<b.length;++a)c[a]=b.charCodeAt(a);';

/**
 * Yoga, Ink's layout engine, without `fetch`: it would fetch its own data: URL and so load undici. The WebAssembly is
 * decoded by Node instead of byte by byte.
 *
 * Gain: 35 ms of CPU time and 4 MB of memory without `fetch` (355 instead of 390 ms in the console's first 6 s; medians of
 * 8 interleaved runs on a busy machine).
 */
export const yogaWithoutFetch = {
  name: 'yoga-without-fetch',
  setup(esbuild) {
    esbuild.onLoad({filter: /\/yoga-wasm-base64-esm\.js$/}, async ({path}) => {
      const source = await readFile(path, 'utf8');
      if (!source.includes(decodeBytes))
        throw new Error(`${path} has changed: it decodes its bytes otherwise`);
      const decode = "var c=new Uint8Array(Buffer.from(a.slice(37),'base64'));";
      return {contents: `const fetch = undefined;\n${source.replace(decodeBytes, () => decode)}`};
    });
  },
};

/**
 * Keeps the modules that `dist/main.js` loads at once in a single chunk, and those that the console shares with
 * commands in another one.
 *
 * esbuild puts a module into a chunk by the set of entry points that reach it. The start shares modules with some sixty
 * other entry points, so it was split over 48 files, each of which costs 0.4 ms or more to read. Here each of them also
 * imports the whole start, and the start becomes one set, so one chunk: a lazy one is loaded after it in any case.
 *
 * Gain: 18 ms of CPU time in every start (`--version` 119 instead of 137 ms, first frame 155 instead of 178; medians of
 * 14 interleaved runs on a busy machine). Together with Yoga's
 * bytes, 5 ms in the console's start (58 instead of 62 ms to load it; medians of 10 runs).
 *
 * The first argument is the metafile of a build without this plug-in; `apart` are entry points that run without the start
 * and must stay small.
 */
export function startInOneChunk({outputs}, apart) {
  const [consoleOutput] = Object.entries(outputs).find(
    ([, {entryPoint}]) => entryPoint === 'source/console/console.ts',
  );
  const start = inputsOf(outputs, staticClosure(outputs, 'dist/main.js'));
  start.delete('cli.tsx');
  const beforeConsole = staticClosure(outputs, consoleOutput);
  beforeConsole.delete(consoleOutput);
  const together = new Set([...start, ...inputsOf(outputs, beforeConsole)]);
  const others = Object.values(outputs)
    .flatMap(({entryPoint}) => entryPoint ?? [])
    .filter(path => /^(?:source|recipes)\//.test(path) && !apart.includes(path) && !together.has(path));
  const imports = [...together].map(path => `import ${JSON.stringify(resolve(path))};`).join('\n');
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

/** The modules in some outputs. */
function inputsOf(outputs, paths) {
  return new Set([...paths].flatMap(path => Object.keys(outputs[path].inputs)));
}

/** The outputs that are loaded along with one. */
function staticClosure(outputs, from, found = new Set()) {
  if (found.has(from) || !outputs[from]) return found;
  found.add(from);
  for (const {path, kind} of outputs[from].imports)
    if (kind === 'import-statement') staticClosure(outputs, path, found);
  return found;
}
