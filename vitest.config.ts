import {defineConfig} from 'vitest/config';
import {LongestFirst} from './test/helpers/longest-first.ts';
import {sortIntoTiers} from './test/helpers/tiers.ts';

const tiers = sortIntoTiers('test');

export default defineConfig({
  test: {
    // Real servers and real terminals: a slow machine is not a failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: {poll: {timeout: 30_000}},
    // On two cores: a test that needs a server waits for it half of the time.
    maxWorkers: 4,
    sequence: {sequencer: LongestFirst},
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: tiers.unit,
          setupFiles: 'test/helpers/unit-guard.ts',
          // One module graph per worker: importing it for each file takes longer than the tests.
          isolate: false,
          maxWorkers: 2,
          sequence: {groupOrder: 0},
        },
      },
      {
        extends: true,
        test: {
          name: 'server',
          include: tiers.server,
          globalSetup: ['test/helpers/find-majors.ts', 'test/helpers/shared-servers.ts'],
          sequence: {groupOrder: 1},
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: tiers.e2e,
          globalSetup: [
            'test/helpers/build.ts',
            'test/helpers/find-majors.ts',
            'test/helpers/shared-servers.ts',
          ],
          sequence: {groupOrder: 1},
        },
      },
    ],
  },
});
