import {writeFile} from 'node:fs/promises';
import process from 'node:process';
import {fileURLToPath} from 'node:url';
import {startHypopgServer} from '../../helpers/hypopg.ts';
import {startTestServer, type TestServer} from '../../helpers/server.ts';
import {type Measured, measure} from './measure.ts';
import {type Section, toMarkdown} from './report.ts';
import {fillDatabases, workloads} from './workloads.ts';

const reportFile = fileURLToPath(new URL('report.md', import.meta.url));

const sections: Section[] = [
  {
    title: 'PostgreSQL 15, verified and measured by HypoPG',
    measured: await measureOn(() => startHypopgServer(), 'hypopg'),
  },
  {
    title: 'PostgreSQL 18, by estimate alone, measured by building on a copy',
    measured: await measureOn(() => startTestServer({major: 18}), 'build'),
  },
];
const report = toMarkdown(sections);
await writeFile(reportFile, `${report.trimEnd()}\n`);
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
