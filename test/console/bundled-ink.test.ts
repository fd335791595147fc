// tier: server
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {build} from 'esbuild';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {inkOnAGrid} from '../../build/ink-on-a-grid.mjs';
import {textWidth} from '../../source/console/screen/cell-width.ts';
import type {Grid} from '../../source/console/screen/grid.ts';
import {sanitise} from '../../source/core/text/sanitise.ts';
import {rowsOfGrid} from './rendered.tsx';

/** Draws each text in a row of its own, before a text that is not cut, by Ink as it is in the bundle. */
const program = `
import {Box, render} from 'ink';
import {createElement} from 'react';
import {ThemeContext} from './source/console/components/context.ts';
import {Text} from './source/console/components/text.tsx';
import {frameDrawnByInk} from './source/console/screen/ink-output.ts';
import {createTheme} from './source/console/screen/theme.ts';

export function draw(columns, texts) {
  const stdout = {columns, rows: texts.length, isTTY: true, write: () => true, on: () => stdout, off: () => stdout};
  const rows = texts.map((text, key) =>
    createElement(Box, {key}, createElement(Text, {role: 'strong'}, text),
      createElement(Box, {flexShrink: 0}, createElement(Text, null, '|end'))));
  const page = createElement(Box, {flexDirection: 'column', width: columns, height: texts.length}, rows);
  const app = render(createElement(ThemeContext, {value: createTheme({LANG: 'C.UTF-8'})}, page),
    {stdout, debug: true, exitOnCtrlC: false, patchConsole: false});
  const grid = frameDrawnByInk();
  app.unmount();
  return grid;
}`;

const folder = await mkdtemp(join(tmpdir(), 'poolctl-ink-'));
let draw: (columns: number, texts: string[]) => Grid;

beforeAll(async () => {
  const outfile = join(folder, 'ink.mjs');
  await build({
    stdin: {contents: program, resolveDir: process.cwd()},
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    jsx: 'automatic',
    external: ['*/devtools.js'],
    define: {'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"'},
    banner: {js: 'const require=process.getBuiltinModule;'},
    plugins: [inkOnAGrid],
  });
  ({draw} = await import(pathToFileURL(outfile).href));
});
afterAll(() => rm(folder, {recursive: true}));

const scripts = {
  ASCII: 'plain text ',
  Thai: 'กำลังทำงาน ',
  Lao: 'ຄຳລາວ ',
  Devanagari: 'क्षत्रिय हिन्दी ',
  Arabic: 'مَرْحَبًا ',
  'combining accents': 'e\u0301a\u0308 ',
  'joined emoji': '👩‍👩‍👧 ',
  flags: '🇩🇪🇹🇭 ',
  'variation selector 16': '❤\uFE0F☎\uFE0F ',
  'skin tones': '👍🏽 ',
  'half-width kana': 'ｶﾞﾊﾞ ',
  ideographs: '漢字 ',
};

it.each(Object.entries(scripts))(
  'a text that does not fit ends with … before what follows, at 20 to 60 columns: %s',
  (_name, text) => {
    for (let columns = 20; columns <= 60; columns++) {
      const texts = [text, text.repeat(3), text.repeat(40)].map(sanitise);
      for (const [index, row] of rowsOfGrid(draw(columns, texts)).entries()) {
        const whole = texts[index] ?? '';
        const room = columns - '|end'.length;
        const where = `${columns} columns: ${row}`;
        if (textWidth(whole) <= room) {
          expect(row).toBe(`${whole}|end`);
          continue;
        }
        // A character of two cells may leave one.
        const [, shown = '', blank] = /^(.*)…( ?)\|end$/.exec(row) ?? [];
        expect(shown, where).not.toBe('');
        expect(whole.startsWith(shown), where).toBe(true);
        expect(textWidth(`${shown}…${blank}`), where).toBe(room);
      }
    }
  },
);
