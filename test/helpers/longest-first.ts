import path from 'node:path';
import {BaseSequencer, type TestSpecification} from 'vitest/node';

/** Files that take longest, the longest first, on two cores. Started late, one of them runs alone at the end. */
export const longest = [
  'commands/check/watch',
  'commands/check/program',
  'rollout/killed',
  'replay/cli',
  'demo/demo',
  'figures/figures',
  'e2e/endings',
  'commands/check/formats',
  'replay/prisma/own-client',
  'cli/execution/program',
  'recipes/index-identity-server',
  'rollout/run',
  'rollout/rollback',
  'replay/prisma/demo-endpoints',
  'incidents/live',
  'recipes/apply-indexes-program',
  'replay/measure/measure',
  'recipes/reset-role-setting-server',
  'team-recipes/read-only',
  'e2e/terminal',
  'e2e/failover',
  'e2e/tables',
  'recipes/apply-indexes-interrupted-server',
  'recipes/apply-indexes-server',
  'demo/server',
  'e2e/replay',
  'cli/connecting',
  'e2e/demo',
  'commands/demo/program',
  'commands/run/command',
  'cli/reading',
  'replay/prisma/program',
  'commands/preflight/preflight',
  'postgres/migration-locks',
  'postgres/sampler/sampler',
  'postgres/facts/index-advice-workloads',
  'postgres/facts/index-advice',
  'postgres/executor/executor',
  'recipes/widen-column-server',
].map(name => `test/${name}.test.ts`);

/** Starts the longest files of the server and e2e tests first; a class because Vitest takes one. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({project, moduleId}: TestSpecification) => {
      const place = longest.indexOf(path.relative(this.ctx.config.root, moduleId));
      return project.config.sequence.groupOrder * 1000 + (place === -1 ? longest.length : place);
    };
    return (await super.sort(files)).sort((a, b) => placeOf(a) - placeOf(b));
  }
}
