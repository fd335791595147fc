import {describe, expect, it} from 'vitest';
import {readPlan} from '../../source/rollout/plan.ts';

describe('a plan', () => {
  it('is read with every field', () => {
    const {plan, problems} = readPlan(`
name: web 2.14
every: 5s
thresholds: {max_used: "70%,85%"}
pooler: postgres://stats@10.0.0.5:6432/pgbouncer
stages:
  - name: staging
    target: staging
    promote: ./deploy staging
    rollback: ./deploy staging --previous
    watch: 30min
    sustain: 1min
    thresholds:
      max_mean: 500ms
      max_blocked: 10
    applications:
      web-canary: {against: web, max_transaction: 5s}
    baseline: before.json
    pooler: postgres://stats@10.0.0.6:6432/pgbouncer
  - name: 10 %
    approval: true
    promote: ./deploy 10
    rollback: none
    command_timeout: 1h
    preflight: prisma/migrations
    preflight_wait: 10min
`);
    expect(problems).toEqual([]);
    expect(plan).toEqual({
      name: 'web 2.14',
      stages: [
        {
          name: 'staging',
          target: 'staging',
          promote: './deploy staging',
          rollback: './deploy staging --previous',
          command_timeout_ms: 600_000,
          approval: false,
          watch: {for_ms: 1_800_000, every_ms: 5000, sustain_ms: 60_000},
          limits: {
            used_ratio: {warning: 0.7, critical: 0.85},
            slowest_mean_exec_time_ms: {warning: null, critical: 500},
            blocked_sessions: {warning: null, critical: 10},
          },
          applications: [
            {
              name: 'web-canary',
              against: 'web',
              limits: {longest_transaction_ms: {warning: null, critical: 5000}},
            },
          ],
          baseline: 'before.json',
          pooler: 'postgres://stats@10.0.0.6:6432/pgbouncer',
        },
        {
          name: '10 %',
          target: null,
          promote: './deploy 10',
          rollback: null,
          command_timeout_ms: 3_600_000,
          preflight: {path: 'prisma/migrations', wait_ms: 600_000},
          approval: true,
          watch: null,
          limits: {used_ratio: {warning: 0.7, critical: 0.85}},
          baseline: null,
          pooler: 'postgres://stats@10.0.0.5:6432/pgbouncer',
        },
      ],
    });
  });

  const stage = 'name: x\nstages:\n  - name: a\n    watch: 1min\n';
  it.each<[string, string, [number, string][]]>([
    [
      'empty',
      '',
      [
        [1, 'expected keys and values: name, every'],
        [1, 'name is missing'],
        [1, 'stages must be a list with at least one stage'],
      ],
    ],
    ['invalid YAML', 'name: x\nstages: [', [[2, 'Flow sequence']]],
    ['a misspelt key', `${stage}    promot: ls\n`, [[5, 'unknown key "promot": did you mean "promote"?']]],
    [
      'a misspelt threshold',
      `${stage}    thresholds:\n      max_use: 80%\n`,
      [[6, 'did you mean "max_used"?']],
    ],
    [
      'a limit that no application has',
      `${stage}    applications: {web: {max_mean: 1s}}\n`,
      [[5, 'unknown key "max_mean"']],
    ],
    [
      'an invalid threshold',
      `${stage}    thresholds:\n      max_used: 80\n`,
      [[6, 'max_used must be a share']],
    ],
    [
      'invalid durations',
      'name: x\nevery: often\nstages:\n  - name: a\n    watch: 5d x\n',
      [
        [2, 'every must be a duration from 500ms to 1min, such as 30s, 10min or 2h'],
        [5, 'watch must be a duration'],
      ],
    ],
    [
      'no rollback',
      'name: x\nstages:\n  - name: a\n    promote: ls\n',
      [[3, 'stage "a" has promote but no rollback']],
    ],
    ['nothing to do', 'name: x\nstages:\n  - name: a\n', [[3, 'stage "a" needs promote or watch']]],
    [
      'a preflight of nothing',
      'name: x\nstages:\n  - name: a\n    watch: 1min\n    preflight: m.sql\n',
      [[5, 'stage "a" has preflight but no promote']],
    ],
    [
      'a wait for nothing',
      'name: x\nstages:\n  - name: a\n    watch: 1min\n    preflight_wait: 1min\n',
      [[5, 'stage "a" has preflight_wait but no preflight']],
    ],
    ['a duplicate name', `${stage}  - name: a\n    watch: 1s\n`, [[5, 'duplicate stage "a"']]],
    ['an invalid approval', `${stage}    approval: maybe\n`, [[5, 'approval must be true or false']]],
    ['a key without a value', 'name: x\nstages:\n  - name: a\n    watch:\n', [[4, 'watch must be a string']]],
    [
      'every mistake of a stage at once',
      'name: x\nstages:\n  - nam: a\n    promote: ls\n    rolback: none\n',
      [
        [3, 'unknown key "nam": did you mean "name"?'],
        [3, 'name is missing'],
        [3, 'has promote but no rollback'],
        [5, 'unknown key "rolback": did you mean "rollback"?'],
      ],
    ],
    [
      'stages that are not a list',
      'name: x\nstages: all\n',
      [[2, 'stages must be a list with at least one stage']],
    ],
  ])('%s is reported with its line', (_, text, expected) => {
    const {problems} = readPlan(text);
    expect(problems.map(({line}) => line)).toEqual(expected.map(([line]) => line));
    for (const [index, [, message]] of expected.entries())
      expect(problems[index]?.message).toContain(message);
  });
});
