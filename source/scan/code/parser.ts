import {existsSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {fileURLToPath} from 'node:url';
import type {Program} from '@oxc-project/types';
import {BugError} from '../../core/errors.ts';
import {readProgram} from './program.ts';

type Parsed = {
  program: Program;
  comments: {value: string; start: number; end: number}[];
  /** Syntax errors. What could be read is in `program` all the same. */
  errors: {message: string; offset: number}[];
};

/** Parses a file's text; the language follows from the name's ending. Offsets are UTF-16 units. */
export type Parse = (path: string, text: string) => Parsed;

type Binding = {
  parseSync(
    path: string,
    text: string,
    options: {preserveParens: boolean},
  ): {
    /** JSON of `{node: Program}`. */
    program: string;
    comments: Parsed['comments'];
    errors: {message: string; severity: string; labels: {start: number}[]}[];
  };
};

/**
 * oxc-parser in its WebAssembly form: one file for every platform, so that poolctl installs without dependencies. It
 * takes a third longer than the native one (docs/decisions/0005).
 */
export function loadParser(): Promise<Parse> {
  loaded ??= load();
  return loaded;
}

let loaded: Promise<Parse> | undefined;

async function load(): Promise<Parse> {
  const {instantiateNapiModuleSync, getDefaultContext} = await loadRuntime();
  const memory = new WebAssembly.Memory({initial: 1024, maximum: 65_536});
  const wasi = systemCalls(memory);
  const {napiModule} = instantiateNapiModuleSync(readFileSync(wasmPath()), {
    context: getDefaultContext(),
    asyncWorkPoolSize: 0,
    wasi: {initialize: () => {}, wasiImport: wasi},
    overwriteImports: imports => ({
      ...imports,
      env: {...imports.env, ...imports.napi, ...imports.emnapi, memory},
      wasi_snapshot_preview1: wasi,
    }),
    beforeInit({instance}) {
      for (const [name, register] of Object.entries(instance.exports))
        if (name.startsWith('__napi_register__')) register();
      reserve(instance.exports);
    },
  });
  const {parseSync} = napiModule.exports as Binding;
  return (path, text) => {
    const {program, comments, errors} = parseSync(path, text, {preserveParens: false});
    return {
      program: readProgram(program),
      comments,
      errors: errors
        .filter(({severity}) => severity === 'Error')
        .map(({message, labels: [label]}) => ({message, offset: label?.start ?? 0})),
    };
  };
}

/** A build without these packages lacks `scan` alone. */
async function loadRuntime() {
  const missing = (cause: unknown): never => {
    throw new BugError('poolctl was built without its parser for TypeScript', {cause});
  };
  const core = await import('@emnapi/core').catch(missing);
  const runtime = await import('@emnapi/runtime').catch(missing);
  return {...core, ...runtime};
}

/** Beside the chunk in a build (build.mjs), in its package otherwise. */
function wasmPath(): string {
  const built = fileURLToPath(new URL('oxc-parser.wasm', import.meta.url));
  if (existsSync(built)) return built;
  return createRequire(import.meta.url).resolve('oxc-parser/parser.wasm32-wasip1.wasm');
}

/** All that the parser asks of WASI: it has no files, no arguments and no environment. */
function systemCalls(memory: WebAssembly.Memory) {
  const write = (at: number, value: number) => new DataView(memory.buffer).setUint32(at, value, true);
  return {
    random_get: (at: number, length: number) => {
      crypto.getRandomValues(new Uint8Array(memory.buffer, at, length));
      return 0;
    },
    environ_get: () => 0,
    environ_sizes_get: (count: number, size: number) => {
      write(count, 0);
      write(size, 0);
      return 0;
    },
    clock_time_get: (_id: number, _precision: bigint, at: number) => {
      new DataView(memory.buffer).setBigUint64(at, BigInt(Math.floor(performance.now() * 1e6)), true);
      return 0;
    },
    fd_write: (_file: number, _parts: number, _count: number, written: number) => {
      write(written, 0);
      return 0;
    },
    proc_exit: (code: number) => {
      throw new BugError(`the parser ended with ${code}`);
    },
  };
}

/**
 * Makes the module's memory grow once. What a result holds is freed when the event loop turns, so memory grows during a scan;
 * whenever it does, V8 counts all of it as newly allocated and collects garbage: 160 times for 3,000 files.
 */
function reserve({malloc, free}: Record<string, (size: number) => number>): void {
  free?.(malloc?.(64 * 1024 * 1024) ?? 0);
}
