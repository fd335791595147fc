import {readFile, writeFile} from 'node:fs/promises';
import {pathToFileURL} from 'node:url';
import {keyList} from '../../source/console/input/key-meaning.ts';

const readme = new URL('../../README.md', import.meta.url);
const section = /(<!-- keys: [^\n]*-->\n)[\s\S]*?(<!-- \/keys -->)/;

/** README with its key list regenerated from the keymap. */
export async function readmeWithKeys(): Promise<{current: string; expected: string}> {
  const current = await readFile(readme, 'utf8');
  const escapeCell = (text: string) => text.replaceAll('|', '\\|');
  const rows = keyList().map(
    ({keys, help}) =>
      `| ${keys
        .split(' ')
        .map(key => `\`${escapeCell(key)}\``)
        .join(' ')} | ${escapeCell(help)} |`,
  );
  const table = ['| key | what it does |', '|---|---|', ...rows].join('\n');
  return {current, expected: current.replace(section, (_, begin, end) => `${begin}${table}\n${end}`)};
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await writeFile(readme, (await readmeWithKeys()).expected);
}
