import {createHash} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import {resolve} from 'node:path';

const screen = resolve('source/console/screen');
const importTextCache = `import {createTextCache} from ${JSON.stringify(`${screen}/text-cache.ts`)};`;

/** Ink's Output that the grid stands in for: `write`, `clip`, `unclip` and `get` as in this file. */
const outputSha256 = 'de9078c7fc647c40cf9e32d6658fcbbee91dae9e3f6334e5f4ebfc5905fc401d';

/** Loads a module at the first call of its default export: esbuild evaluates what is required only then. */
const lazily = (name, module) => [
  `import ${name} from '${module}';`,
  `const ${name} = (...args) => require('${module}').default(...args);`,
];

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
    lazily('cliTruncate', 'cli-truncate'),
    ['const cache = {};', `${importTextCache}\nconst cache = createTextCache();`],
    ['= cache[cacheKey];', '= cache.get(cacheKey);'],
    ['cache[cacheKey] = wrappedText;', 'cache.set(cacheKey, wrappedText);'],
  ],
  'string-width/index.js': [
    [
      'const segmenter = new Intl.Segmenter();',
      `import {isOneCellPerUnit} from ${JSON.stringify(`${screen}/cell-width.ts`)};\nlet segmenter;`,
    ],
    ['segmenter.segment(string)', '(segmenter ??= new Intl.Segmenter()).segment(string)'],
    ['const rgiEmojiRegex = /^\\p{RGI_Emoji}$/v;', 'let rgiEmojiRegex;'],
    [
      'rgiEmojiRegex.test(segment)',
      "(rgiEmojiRegex ??= new RegExp('^\\\\p{RGI_Emoji}$', 'v')).test(segment)",
    ],
    ['/^[\\u0020-\\u007E]*$/.test(string)', 'isOneCellPerUnit(string)'],
  ],
};

/**
 * Ink as the console needs it:
 * - its Output is the console's cell grid: 16 of 17 ms of CPU time a frame at 160x50;
 * - its two caches of texts are bounded, which otherwise keep every text that was ever on the screen;
 * - the tables of graphemes and emoji, and what wraps and cuts text, are loaded by the first text that needs them:
 *   26 ms of CPU time before the first frame.
 *
 * The build fails where Ink is not the version that this was written for.
 */
export const inkOnAGrid = {
  name: 'ink-on-a-grid',
  setup(esbuild) {
    esbuild.onLoad({filter: /\/ink\/build\/output\.js$/}, async ({path}) => {
      const sha256 = createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
      if (sha256 !== outputSha256) throw new Error(`${path} has changed: compare it with ink-output.ts`);
      return {contents: `export {GridOutput as default} from ${JSON.stringify(`${screen}/ink-output.ts`)};`};
    });
    for (const [module, replacements] of Object.entries(changes)) {
      const filter = new RegExp(`^${resolve('node_modules', module).replaceAll('.', '\\.')}$`);
      esbuild.onLoad({filter}, async ({path}) => ({
        contents: replacements.reduce(replaceOnce, await readFile(path, 'utf8')),
      }));
    }
  },
};

function replaceOnce(source, [before, after]) {
  if (source.split(before).length !== 2) throw new Error(`a module of Ink has changed: ${before}`);
  return source.replace(before, () => after);
}
