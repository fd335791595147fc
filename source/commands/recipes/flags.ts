import type {Usage} from '../../cli/call/command.ts';
import {jsonFlag, recipesFlag} from '../../cli/call/shared-flags.ts';

export const usage = {
  name: 'recipes',
  summary: 'List the recipes and their parameters',
  arguments: [],
  flags: {
    ...recipesFlag,
    check: {
      type: 'string',
      value: 'DIR',
      help: 'Check the recipe files of a directory; exit 2 if one has a mistake',
    },
    ...jsonFlag,
  },
  details: [],
} as const satisfies Usage;
