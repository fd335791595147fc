import {describe, expect, it} from 'vitest';
import {readPlan} from '../../source/rollout/plan.ts';

describe('a plan', () => {
  it('is read whole', () => {
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
    baseline: before.json
    pooler: postgres://stats@10.0.0.6:6432/pgbouncer
  - name: 10 %
    approval: true
    promote: ./deploy 10
    rollback: none
    command_timeout: 1h
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
          baseline: 'before.json',
          pooler: 'postgres://stats@10.0.0.6:6432/pgbouncer',
        },
        {
          name: '10 %',
          target: null,
          promote: './deploy 10',
          rollback: null,
          command_timeout_ms: 3_600_000,
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
      'that is none',
      '',
      [
        [1, 'here is to be a mapping'],
        [1, 'name is missing'],
        [1, 'stages is missing'],
      ],
    ],
    ['no YAML', 'name: x\nstages: [', [[2, 'Flow sequence']]],
    [
      'a misspelt key',
      `${stage}    promot: ls\n`,
      [[5, 'there is no "promot" here: did you mean "promote"?']],
    ],
    [
      'a misspelt threshold',
      `${stage}    thresholds:\n      max_use: 80%\n`,
      [[6, 'did you mean "max_used"?']],
    ],
    [
      'a threshold that is none',
      `${stage}    thresholds:\n      max_used: 80\n`,
      [[6, 'max_used wants a share']],
    ],
    [
      'a time that is none',
      'name: x\nevery: often\nstages:\n  - name: a\n    watch: 5d x\n',
      [
        [2, 'every wants a duration'],
        [5, 'watch wants a duration'],
      ],
    ],
    [
      'no way back',
      'name: x\nstages:\n  - name: a\n    promote: ls\n',
      [[3, 'says nothing of the way back']],
    ],
    ['nothing to do', 'name: x\nstages:\n  - name: a\n', [[3, 'does nothing']]],
    ['one name twice', `${stage}  - name: a\n    watch: 1s\n`, [[5, 'stage "a" is there twice']]],
    ['approval in words', `${stage}    approval: maybe\n`, [[5, 'approval is true or false']]],
    ['stages that are none', 'name: x\nstages: all\n', [[1, 'stages is missing']]],
  ])('%s is told by its line', (_, text, expected) => {
    const {problems} = readPlan(text);
    expect(problems.map(({line}) => line)).toEqual(expected.map(([line]) => line));
    for (const [index, [, message]] of expected.entries())
      expect(problems[index]?.message).toContain(message);
  });
});
