/** What parser.ts uses of emnapi, which gives a WebAssembly module Node's native interface. */
declare module '@emnapi/core' {
  export function instantiateNapiModuleSync(
    wasm: Uint8Array,
    options: {
      context: unknown;
      asyncWorkPoolSize: number;
      wasi: {initialize(instance: unknown): void; wasiImport: object};
      overwriteImports(imports: Record<string, object>): object;
      beforeInit(created: {instance: {exports: Record<string, (...values: number[]) => number>}}): void;
    },
  ): {napiModule: {exports: unknown}};
}

declare module '@emnapi/runtime' {
  export function getDefaultContext(): unknown;
}

declare namespace WebAssembly {
  class Memory {
    constructor(size: {initial: number; maximum: number});
    readonly buffer: ArrayBuffer;
  }
}
