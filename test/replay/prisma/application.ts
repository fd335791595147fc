import {execFile} from 'node:child_process';
import {mkdir, mkdtemp, symlink, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {promisify} from 'node:util';

const require = createRequire(import.meta.url);
const dependencies = dirname(dirname(require.resolve('prisma/package.json')));

/** An application with Prisma installed and both kinds of client generated. */
export async function application(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-application-'));
  await mkdir(join(folder, 'prisma'));
  await symlink(dependencies, join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');
  await writeFile(
    join(folder, 'prisma/schema.prisma'),
    `generator client {
  provider = "prisma-client"
  output   = "../src/generated/prisma"
}
generator classic {
  provider = "prisma-client-js"
  output   = "../src/generated/classic"
}
datasource db {
  provider = "postgresql"
}
model User {
  id   Int    @id
  name String
}
`,
  );
  await promisify(execFile)(process.execPath, [require.resolve('prisma/build/index.js'), 'generate'], {
    cwd: folder,
    env: {...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1'},
  });
  return folder;
}
