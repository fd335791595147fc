import {execFile} from 'node:child_process';
import {readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

const require = createRequire(import.meta.url);

/**
 * Generates the Prisma clients of the demo's databases from the schemas next to this file into `generated/`, which git
 * ignores. Skips clients whose schema and Prisma version have not changed, to keep builds fast.
 */
export async function generateClients() {
  const names = (await readdir(folder())).filter(name => name.endsWith('.prisma'));
  for (const name of names) await generate(name);
}

async function generate(name) {
  const schema = fileURLToPath(new URL(name, import.meta.url));
  const output = new URL(`generated/${name.replace('.prisma', '')}/`, import.meta.url);
  const stamp = new URL('made-of.txt', output);
  const source = `${require('prisma/package.json').version}\n${await readFile(schema, 'utf8')}`;
  if ((await readFile(stamp, 'utf8').catch(() => null)) === source) return;
  await rm(output, {recursive: true, force: true});
  await promisify(execFile)(
    process.execPath,
    [require.resolve('prisma/build/index.js'), 'generate', '--schema', schema],
    {
      cwd: folder(),
      env: {
        ...process.env,
        // Prisma 7.10 needs no engine to generate, but downloads one unless this names an existing file.
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      },
    },
  );
  await writeFile(stamp, source);
}

function folder() {
  return fileURLToPath(new URL('.', import.meta.url));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generateClients();
