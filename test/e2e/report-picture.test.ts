import {execFile} from 'node:child_process';
import {stat, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {expect, it} from 'vitest';
import {htmlOf} from '../../source/commands/report/render-html.ts';
import {createReport} from '../../source/commands/report/report.ts';
import {utcClock} from '../../source/core/text/clock.ts';
import {temporaryFolder} from '../cli/execution/acting.ts';
import {changingSnapshots} from '../recording/changing-snapshots.ts';

const run = promisify(execFile);
const missing = await run('chromium', ['--version']).then(
  () => null,
  (error: unknown) => String(error).split('\n', 1)[0],
);

it.skipIf(missing !== null)(
  `is drawn by Chromium, and its own policy refuses nothing of it${missing === null ? '' : ` (${missing})`}`,
  async () => {
    const snapshots = changingSnapshots(30);
    const at = (index: number) => Date.parse(snapshots.at(index)?.at ?? '');
    const recording = {
      times: () => snapshots.map((_, index) => ({at_ms: at(index), severity: null})),
      outages: () => [{at_ms: at(10) + 500, until_ms: at(11), message: 'the server went away'}],
      read: async (from: number, to: number) => snapshots.slice(from, to + 1),
    };
    const scope = {target: null, from_ms: at(0), to_ms: at(-1), run: null};
    const folder = await temporaryFolder();
    const html = htmlOf(
      await createReport({recording, entries: [], recipes: [], underWay: new Map()}, scope),
      utcClock,
    );
    const draw = async (text: string, name: string) => {
      const [page, picture] = [join(folder, `${name}.html`), join(folder, `${name}.png`)];
      await writeFile(page, text);
      const options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr'];
      const size = ['--window-size=1280,1600', `--screenshot=${picture}`, `--user-data-dir=${folder}/data`];
      const {stderr} = await run('chromium', [...options, ...size, `file://${page}`], {timeout: 60_000});
      return {
        said: stderr.split('\n').filter(line => line.includes('CONSOLE')),
        bytes: (await stat(picture)).size,
      };
    };
    const drawn = await draw(html, 'report');
    expect(drawn.said).toEqual([]);
    expect(drawn.bytes).toBeGreaterThan(20_000);
    const hostile = await draw(html.replace('<body>', '<body><script>1</script>'), 'hostile');
    expect(hostile.said.join('\n')).toContain('Content Security Policy');
  },
  90_000,
);
