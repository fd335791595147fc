import {execFile} from 'node:child_process';
import {readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

const require = createRequire(import.meta.url);

/**
 * The Prisma clients of the demo's databases, from the schemas beside this file into `generated/`, which git does
 * not keep. One whose schema and version are as they were is left alone: a build should take no second longer.
 */
export async function generateClients() {
  const names = (await readdir(folder())).filter(name => name.endsWith('.prisma'));
  for (const name of names) await generate(name);
}

async function generate(name) {
  const schema = fileURLToPath(new URL(name, import.meta.url));
  const made = new URL(`generated/${name.replace('.prisma', '')}/`, import.meta.url);
  const madeOf = new URL('made-of.txt', made);
  const source = `${require('prisma/package.json').version}\n${await readFile(schema, 'utf8')}`;
  if ((await readFile(madeOf, 'utf8').catch(() => null)) === source) return;
  await rm(made, {recursive: true, force: true});
  await promisify(execFile)(
    process.execPath,
    [require.resolve('prisma/build/index.js'), 'generate', '--schema', schema],
    {
      cwd: folder(),
      env: {
        ...process.env,
        // Prisma 7.10 generates without an engine, yet downloads one unless this names a file that exists.
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        CHECKPOINT_DISABLE: '1',
      },
    },
  );
  await writeFile(madeOf, source);
}

function folder() {
  return fileURLToPath(new URL('.', import.meta.url));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generateClients();
