import {
  consentFlags,
  journalFlag,
  jsonFlag,
  recipesFlag,
  serverFlags,
  type Usage,
} from '../../cli/call/usage.ts';

export const usage = {
  name: 'run',
  summary: 'Run a recipe without the console',
  arguments: [{shown: '<recipe>', completes: 'recipe'}, {shown: '[url]'}],
  flags: {
    set: {
      type: 'string',
      value: 'NAME=VALUE',
      isMultiple: true,
      help: 'Set a parameter of the recipe; may be repeated',
    },
    only: {
      type: 'string',
      value: 'SUBJECT',
      help: 'Keep only these subjects in the plan, comma-separated, as --dry-run names them',
    },
    ...consentFlags,
    ...recipesFlag,
    ...journalFlag,
    ...jsonFlag,
    ...serverFlags,
  },
  details: [
    "'poolctl run <recipe> --help' lists the parameters of that recipe.",
    'SIGINT (Ctrl-C), SIGTERM and SIGHUP cancel the current step unless it ends within a second. poolctl then records the outcome, prints what was done and exits within 10 s. A second signal ends poolctl immediately.',
  ],
} as const satisfies Usage;
