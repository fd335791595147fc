import {intervalFlag, journalFlag, jsonFlag, themeFlag, type Usage} from '../../cli/call/usage.ts';
import {storyNames} from '../../demo/stories/names.ts';

export const usage = {
  name: 'demo',
  summary: 'Start a throwaway server with an incident, and open the console',
  arguments: [],
  flags: {
    story: {
      type: 'string',
      value: 'NAME',
      choices: [...storyNames, 'list'],
      help: 'Run this incident instead, to train with; "list" lists them',
    },
    seed: {
      type: 'number',
      value: 'N',
      help: 'Random seed: the same number gives the same incident',
      default: '1',
    },
    calm: {type: 'boolean', help: 'Run the demo applications without an incident'},
    serve: {type: 'boolean', help: "No console: print the server's URL and run until Ctrl-C"},
    once: {type: 'boolean', help: 'No console: print one snapshot as JSON and exit'},
    json: {...jsonFlag.json, help: 'With --serve: print the URLs as JSON; with --story list: the stories'},
    ...intervalFlag,
    ...themeFlag,
    journal: {...journalFlag.journal, default: '~/.local/state/poolctl/demo-journal.jsonl'},
  },
  details: [
    'A story is another incident on its own server. --story first prints the alert that the on-call engineer gets and, after you quit, how it was solved.',
  ],
} as const satisfies Usage;
