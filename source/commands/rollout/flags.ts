import {
  consentFlags,
  journalFlag,
  jsonFlag,
  recipesFlag,
  serverFlags,
  type Usage,
} from '../../cli/call/usage.ts';

export const usage = {
  name: 'rollout',
  summary: 'Run a rollout plan in stages, roll back on failure',
  arguments: [
    {shown: 'run|status|abort|retry|list', completes: ['run', 'status', 'abort', 'retry', 'list']},
    {shown: '[plan]', completes: 'file'},
    {shown: '[url]'},
  ],
  flags: {
    dryRun: {...consentFlags.dryRun, help: 'Print the plan, execute nothing'},
    yes: {type: 'boolean', help: 'Approve every stage, and execute the commands without asking'},
    approveStage: {
      type: 'string',
      value: 'NAME',
      isMultiple: true,
      help: 'Approve this stage; may be repeated',
    },
    ...recipesFlag,
    ...journalFlag,
    ...jsonFlag,
    ...serverFlags,
  },
  details: [
    'Exit 0 when every stage passed, 1 when a stage failed and was rolled back, 7 when a command failed, 130 when interrupted. After an interruption, run the same command again to resume.',
    'For each stage poolctl runs its promote command, then watches its server. A stage fails on a critical limit or finding, on statements slower than its baseline and on more errors; other warnings do not fail it. On failure poolctl runs the rollback commands, the last stage first.',
    'abort rolls an open rollout back, with the commands that the plan has now. retry repeats a rollback that failed. list shows every rollout of the journal. poolctl does not start an edited plan while its rollout is open: exit 6. After Ctrl-C poolctl asks whether to roll back, or does what on_interrupt of the plan says: roll back or leave. on_failure and on_approval of the plan are commands to notify you; POOLCTL_STAGE names the stage, POOLCTL_REASON the reason.',
    'Commands run only with consent: --approve-stage NAME for one stage, --yes for all. On a terminal poolctl asks before each stage with "approval: true" in the plan, and once for all others.',
  ],
} as const satisfies Usage;
