import type {Project} from '../code/project.ts';
import type {PrismaModels} from '../prisma-models.ts';
import {createCalls, memberOf} from './calls.ts';
import {evaluate} from './expressions.ts';
import {createFunctions} from './functions.ts';
import {createNames} from './names.ts';
import {memberOfClient} from './prisma-client.ts';
import {runStatements} from './statements.ts';
import {unknown} from './values.ts';
import type {Walk} from './walk.ts';

/** A walk through a project: follows values through functions and files, and adds up the queries on the way. */
export function createWalk(project: Project, models: PrismaModels | null): Walk & {startOver(): void} {
  // Its parts call each other through it.
  const walk = {project, models} as Walk & {startOver(): void};
  const {callFunction, instantiate, memberOfInstance, settle, startOver} = createFunctions(walk);
  return Object.assign(walk, {
    startOver,
    instantiate,
    settle,
    evaluate: (node, at) => evaluate(walk, node, at),
    run: (statements, at) => runStatements(walk, statements, at),
    memberOf: (value, name, at) =>
      memberOf(walk, value, name, at, {
        client: (each, client, place) => {
          const own = client.own ? memberOfInstance(client.own, each, place) : unknown;
          if (own.kind === 'function') return {...own, self: client};
          return own.kind === 'unknown' ? memberOfClient(client, each) : own;
        },
        instance: (each, instance, place) => memberOfInstance(instance, each, place),
      }),
    ...createNames(walk),
    ...createCalls(walk, callFunction),
  } satisfies Omit<Walk, 'project' | 'models'> & {startOver(): void});
}
