import {writeFile} from 'node:fs/promises';
import process from 'node:process';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {startHypopgServer} from '../../helpers/hypopg.ts';
import {startTestServer, type TestServer} from '../../helpers/server.ts';
import {type Measured, measure} from './measure.ts';
import {type Section, toMarkdown} from './report.ts';
import {fillDatabases, workloads} from './workloads.ts';

const reportFile = fileURLToPath(new URL('report.md', import.meta.url));

const {values: flags} = parseArgs({options: {only: {type: 'string'}}});

const kinds = {
  hypopg: {title: 'PostgreSQL 15, verified and measured by HypoPG', start: startHypopgServer},
  build: {
    title: 'PostgreSQL 18, by estimate alone, measured by building on a copy',
    start: () => startTestServer({major: 18}),
  },
} as const;

const sections: Section[] = [];
for (const by of ['hypopg', 'build'] as const) {
  if (flags.only !== undefined && flags.only !== by) continue;
  sections.push({title: kinds[by].title, measured: await measureOn(kinds[by].start, by)});
}
const report = toMarkdown(sections);
// A part of it is for looking at.
if (flags.only === undefined) await writeFile(reportFile, `${report.trimEnd()}\n`);
process.stdout.write(`${report}\n`);
// The servers' watchdogs go with this process.
process.exit(0);

async function measureOn(start: () => Promise<TestServer>, by: 'hypopg' | 'build'): Promise<Measured[]> {
  const server = await start();
  try {
    await fillDatabases(server, progress);
    const measured: Measured[] = [];
    for (const workload of workloads) {
      measured.push(await measure(server, workload, by));
      progress(`${workload.name} is measured by ${by}`);
    }
    return measured;
  } finally {
    await server.stop();
  }
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
