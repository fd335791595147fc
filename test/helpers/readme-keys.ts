import {readFile, writeFile} from 'node:fs/promises';
import {pathToFileURL} from 'node:url';
import {keyGroups} from '../../source/console/input/key-meaning.ts';

const readme = new URL('../../README.md', import.meta.url);
const section = /(<!-- keys: [^\n]*-->\n)[\s\S]*?(<!-- \/keys -->)/;

/** README with its key list regenerated from the keymap. */
export async function readmeWithKeys(): Promise<{current: string; expected: string}> {
  const current = await readFile(readme, 'utf8');
  const escapeCell = (text: string) => text.replaceAll('|', '\\|');
  const named = (keys: string) =>
    keys
      .split(' ')
      .map(key => `\`${escapeCell(key)}\``)
      .join(' ');
  const table = keyGroups(null)
    .map(({title, rows}) => [
      `| ${title} | |\n|---|---|`,
      ...rows.map(({keys, help}) => `| ${named(keys)} | ${escapeCell(help)} |`),
    ])
    .map(lines => lines.join('\n'))
    .join('\n\n');
  return {current, expected: current.replace(section, (_, begin, end) => `${begin}${table}\n${end}`)};
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await writeFile(readme, (await readmeWithKeys()).expected);
}
