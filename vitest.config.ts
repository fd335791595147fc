import {defineConfig} from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    globalSetup: 'test/helpers/build.ts',
    // Real servers and real terminals: a slow machine is not a failure.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Each file may start servers of its own; two cores are what CI has.
    maxWorkers: 2,
  },
});
