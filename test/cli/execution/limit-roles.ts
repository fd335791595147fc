import type {Plan, Recipe} from '../../../source/model/recipe.ts';
import type {SqlStep, Verification} from '../../../source/model/step.ts';

/** Limits roles to 7 connections, one after the other. */
export function limitRoles(roles: readonly string[]): Recipe {
  return {
    ...{id: 'limit', title: 'limit', summary: 'limit', parameters: [], diagnose: () => []},
    plan: (): Plan => ({
      ...{recipe: 'limit', params: {}, explanation: ['limits roles'], skipped: []},
      steps: roles.map(limitStep),
      ...{batch_size: 10, pause_ms: 0, slots_freed: 0, watch_groups: []},
    }),
  };
}

export function limitStep(role: string): SqlStep {
  const sql = (value: number) => ({text: `ALTER ROLE ${role} CONNECTION LIMIT ${value}`, values: []});
  const is = (value: number): Verification => ({
    query: {text: 'SELECT rolconnlimit AS is FROM pg_catalog.pg_roles WHERE rolname = $1', values: [role]},
    expect: {column: 'is', op: '=', value},
  });
  return {
    ...{kind: 'sql', title: `limit ${role}`, subject: `role:${role}`, apply: sql(7), verify: is(7)},
    undo: {apply: sql(-1), guard: is(7), verify: is(-1)},
    ...{lock: 'none', transaction: true, timeout_ms: 5000},
  };
}
