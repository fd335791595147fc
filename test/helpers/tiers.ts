import {existsSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';

/** `unit` tests open no connection and start no process, `e2e` tests run the built program, `server` tests are all others. */
export type Tier = 'unit' | 'server' | 'e2e';

/**
 * Sorts the test files below `folder` into tiers by what they import, directly or through other files of `folder`.
 * A test whose subject itself starts a process begins with `// tier: server`.
 */
export function sortIntoTiers(folder: string): Record<Tier, string[]> {
  const tiers: Record<Tier, string[]> = {unit: [], server: [], e2e: []};
  const files = readdirSync(folder, {recursive: true, encoding: 'utf8'}).filter(name =>
    /\.test\.tsx?$/.test(name),
  );
  const importsOf = createImportReader(path.resolve(folder));
  for (const file of files)
    tiers[tierOf(path.resolve(folder, file), importsOf)].push(path.join(folder, file));
  return tiers;
}

/** Modules that make a test a `server` test, beside built-in ones that connect or start processes. */
const serverModules =
  /\/(?:test\/helpers\/(?:server|terminal)|source\/(?:demo\/(?:server|demo|processes)|cli\/replay\/load-endpoint))\.ts$/;
const builtIns = /^node:(?:child_process|cluster|dgram|http|https|http2|net|tls|worker_threads)$/;

function tierOf(file: string, importsOf: (file: string) => Set<string>): Tier {
  const imports = [...importsOf(file)];
  if (imports.some(each => each.endsWith('/test/helpers/build.ts'))) return 'e2e';
  if (imports.some(each => serverModules.test(each) || builtIns.test(each))) return 'server';
  return readFileSync(file, 'utf8').startsWith('// tier: server\n') ? 'server' : 'unit';
}

/** Reads import declarations, except those of types only. */
function createImportReader(folder: string): (file: string) => Set<string> {
  const direct = new Map<string, string[]>();
  const read = (file: string): string[] => {
    const text = readFileSync(file, 'utf8');
    const names = [...text.matchAll(importPattern)].map(([, name = '']) => name);
    return names.map(name => (name.startsWith('.') ? path.resolve(path.dirname(file), name) : name));
  };
  const collect = (file: string, into: Set<string>): Set<string> => {
    if (!direct.has(file)) direct.set(file, read(file));
    for (const each of direct.get(file) ?? []) {
      if (into.has(each)) continue;
      into.add(each);
      if (each.startsWith(folder + path.sep) && /\.tsx?$/.test(each) && existsSync(each)) collect(each, into);
    }
    return into;
  };
  return file => collect(file, new Set());
}

const importPattern = /^(?:import|export)\s+(?!type\s)(?:[^'";]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
