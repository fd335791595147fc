import {execFile} from 'node:child_process';
import {writeFile} from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';
import {describe, it} from 'vitest';
import {installPackages} from './cached-folder.ts';

const version = '6.19.3';

/**
 * Two clients for a table "User": one without the Rust engine, and one with it, as WebAssembly, which comes with the package
 * and needs an adapter. The engine for Node alone is a download that npm does not have.
 */
const schema = `
datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}
generator adapted {
  provider   = "prisma-client-js"
  output     = "./adapted"
  engineType = "client"
}
generator rust {
  provider        = "prisma-client-js"
  output          = "./rust"
  previewFeatures = ["driverAdapters"]
}
model User {
  id   Int    @id
  name String
}
`;

/** As Cloudflare's bundler has it; Node does not import WebAssembly. */
const loader = `import {readFileSync} from 'node:fs';
const bytes = readFileSync(new URL('./query_engine_bg.wasm', import.meta.url));
export default Promise.resolve({default: new WebAssembly.Module(bytes)});
`;

/** The folder (172 MB), made once; or why there is none. */
const found: {folder: string} | {missing: string} = await installPackages(
  `prisma-${version}`,
  [`prisma@${version}`, `@prisma/client@${version}`, `@prisma/adapter-pg@${version}`],
  generate,
).then(
  folder => ({folder}),
  error => ({missing: String(error).split('\n', 1)[0] ?? ''}),
);

async function generate(folder: string): Promise<void> {
  await writeFile(path.join(folder, 'schema.prisma'), schema);
  // Any file: nothing is downloaded, and generating needs none.
  const engines = {
    PRISMA_SCHEMA_ENGINE_BINARY: schemaFile(folder),
    PRISMA_QUERY_ENGINE_LIBRARY: schemaFile(folder),
  };
  await promisify(execFile)(
    process.execPath,
    ['node_modules/prisma/build/index.js', 'generate', '--no-hints'],
    {
      cwd: folder,
      env: {...process.env, ...engines, CHECKPOINT_DISABLE: '1'},
      timeout: 120_000,
    },
  );
  await writeFile(path.join(folder, 'rust/wasm-worker-loader.mjs'), loader);
}

function schemaFile(folder: string): string {
  return path.join(folder, 'schema.prisma');
}

/** A describe block with Prisma 6 in `folder`: its clients in `adapted` and `rust/wasm.js`; without it, a skipped test says why. */
export function describePrisma6(name: string, body: (folder: string) => void): void {
  if ('missing' in found) it.skip(`${name} (no Prisma ${version}: ${found.missing})`, () => {});
  else describe(name, () => body(found.folder));
}
