import type {Usage} from '../../cli/call/command.ts';
import {
  consentFlags,
  journalFlag,
  jsonFlag,
  poolerFlag,
  recipesFlag,
  serverFlags,
} from '../../cli/call/shared-flags.ts';

export const usage = {
  name: 'rollout',
  summary: 'Promote in stages, watch each, roll back on failure',
  arguments: [
    {shown: 'run|status', completes: ['run', 'status']},
    {shown: '<plan>', completes: 'file'},
    {shown: '[url]'},
  ],
  flags: {
    dryRun: {...consentFlags.dryRun, help: 'Print the plan, execute nothing'},
    yes: {type: 'boolean', help: 'Approve every stage, and execute the commands without asking'},
    approveStage: {
      type: 'string',
      value: 'NAME',
      isMultiple: true,
      help: 'Approve this stage; may be given several times',
    },
    ...poolerFlag,
    ...recipesFlag,
    ...journalFlag,
    ...jsonFlag,
    ...serverFlags,
  },
  details: [
    'Exit 0 when every stage passed, 1 when a stage failed and was rolled back, 7 when a command failed, 130 when interrupted. After an interruption the same call resumes where it stopped.',
    'A stage with a command runs only with consent: --approve-stage NAME for one stage, --yes for all. On a terminal poolctl asks before each stage with approval: true, and once for all others. A warning does not fail a stage; a critical limit or finding does.',
  ],
} as const satisfies Usage;
