import path from 'node:path';
import {BaseSequencer, type TestSpecification} from 'vitest/node';

/** Files that take longest, the longest first, on two cores. Started late, one of them runs alone at the end. */
export const longest = [
  'commands/check/program',
  'demo/demo',
  'demo/server',
  'replay/cli',
  'e2e/demo',
  'commands/check/watch',
  'cli/execution/program',
  'replay/prisma/own-client',
  'rollout/killed',
  'recipes/apply-indexes-server',
  'recipes/apply-indexes-interrupted-server',
  'replay/prisma/demo-endpoints',
  'commands/demo/program',
  'recipes/index-identity-server',
  'replay/measure/measure',
  'replay/prisma/program',
  'e2e/terminal',
  'e2e/replay',
  'rollout/run',
  'rollout/rollback',
  'incidents/live',
  'cli/reading',
  'recipes/apply-indexes-program',
  'e2e/endings',
  'cli/connecting',
  'postgres/sampler/sampler',
  'postgres/facts/index-advice-workloads',
  'postgres/facts/index-advice',
  'postgres/executor/executor',
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
