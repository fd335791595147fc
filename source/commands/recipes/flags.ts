import {jsonFlag, recipesFlag, type Usage} from '../../cli/call/usage.ts';

export const usage = {
  name: 'recipes',
  summary: 'List the recipes and their parameters',
  arguments: [],
  flags: {
    ...recipesFlag,
    check: {
      type: 'string',
      value: 'DIR',
      help: 'Validate the recipe files in a directory; exit 2 on an error',
    },
    ...jsonFlag,
  },
  details: [],
} as const satisfies Usage;
