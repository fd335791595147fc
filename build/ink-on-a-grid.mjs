import {createHash} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import {resolve} from 'node:path';

const screen = resolve('source/console/screen');
const importTextCache = `import {createTextCache} from ${JSON.stringify(`${screen}/text-cache.ts`)};`;

const inkVersion = '6.8.0';
/** Ink's Output that the grid stands in for: its constructor, `write`, `clip`, `unclip` and `get` as in this file. */
const outputSha256 = 'de9078c7fc647c40cf9e32d6658fcbbee91dae9e3f6334e5f4ebfc5905fc401d';

/** Loads a module at the first call of its default export: esbuild evaluates what is required only then. */
const lazily = (name, module) => [
  `import ${name} from '${module}';`,
  `const ${name} = (...args) => require('${module}').default(...args);`,
];

const howToCompare =
  'Compare its build/output.js with source/console/screen/ink-output.ts (constructor, write, clip, unclip, get), run test/console, then ' +
  'change inkVersion and outputSha256 in build/ink-on-a-grid.mjs';

/** Modules that the console's own take the place of. */
const replaced = {
  'string-width/index.js': ['rowWidth', 'ink-text.ts'],
  'wrap-ansi/node_modules/string-width/index.js': ['rowWidth', 'ink-text.ts'],
  'cli-truncate/index.js': ['cutRows', 'ink-text.ts'],
};

/** Parts of modules, and what takes their place. Each must be there once, or the build fails. */
const changes = {
  'ink/build/components/ErrorBoundary.js': [lazily('ErrorOverview', './ErrorOverview.js')],
  'ink/build/ink.js': [lazily('terminalSize', 'terminal-size'), lazily('wrapAnsi', 'wrap-ansi')],
  'ink/build/measure-text.js': [
    ['const cache = new Map();', `${importTextCache}\nconst cache = createTextCache();`],
  ],
  // What the console shows is sanitised by its own Text.
  'ink/build/squash-text-nodes.js': [['return sanitizeAnsi(text);', 'return text;']],
  'ink/build/wrap-text.js': [
    lazily('wrapAnsi', 'wrap-ansi'),
    ['const cache = {};', `${importTextCache}\nconst cache = createTextCache();`],
    ['= cache[cacheKey];', '= cache.get(cacheKey);'],
    ['cache[cacheKey] = wrappedText;', 'cache.set(cacheKey, wrappedText);'],
  ],
};

/**
 * Ink as the console needs it:
 * - its Output is the console's cell grid: 16 of 17 ms of CPU time a frame at 160x50;
 * - it measures and cuts text by the cells that the grid draws;
 * - its two caches of texts are bounded, which otherwise keep every text that was ever on the screen;
 * - what wraps text is loaded by the first text that needs it: with the tables of graphemes and emoji, which are not needed any more,
 *   26 ms of CPU time before the first frame.
 *
 * The build fails where Ink is not the version that this was written for.
 */
export const inkOnAGrid = {
  name: 'ink-on-a-grid',
  setup(esbuild) {
    const modules = resolve(esbuild.initialOptions.absWorkingDir ?? '', 'node_modules');
    const onLoad = (module, contentsOf) => {
      const filter = new RegExp(`^${resolve(modules, module).replaceAll('.', '\\.')}$`);
      esbuild.onLoad({filter}, async ({path}) => ({
        contents: contentsOf(await readFile(path, 'utf8'), module),
      }));
    };
    esbuild.onStart(async () => {
      const {version} = JSON.parse(await readFile(resolve(modules, 'ink/package.json'), 'utf8'));
      const text = `node_modules/ink is ${version}, and the console is written for Ink ${inkVersion}: install that. Or: ${howToCompare}`;
      return version === inkVersion ? undefined : {errors: [{text}]};
    });
    onLoad('ink/build/output.js', source => {
      const sha256 = createHash('sha256').update(source).digest('hex');
      if (sha256 !== outputSha256)
        throw new Error(`node_modules/ink/build/output.js is not that of Ink ${inkVersion}. ${howToCompare}`);
      return exportFrom('GridOutput', 'ink-output.ts');
    });
    for (const [module, [name, file]] of Object.entries(replaced))
      onLoad(module, () => exportFrom(name, file));
    for (const [module, replacements] of Object.entries(changes))
      onLoad(module, (source, module) =>
        replacements.reduce((changed, each) => replaceOnce(changed, each, module), source),
      );
  },
};

function exportFrom(name, file) {
  return `export {${name} as default} from ${JSON.stringify(`${screen}/${file}`)};`;
}

function replaceOnce(source, [before, after], module) {
  if (source.split(before).length === 2) return source.replace(before, () => after);
  throw new Error(
    `node_modules/${module} has changed: "${before}" is not there once. Find what does the same now, and change the row of ` +
      `this module in build/ink-on-a-grid.mjs`,
  );
}
