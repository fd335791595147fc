import {intervalFlag, journalFlag, jsonFlag, type Usage} from '../../cli/call/usage.ts';

export const usage = {
  name: 'demo',
  summary: 'Start a throwaway server with an incident, and open the console',
  arguments: [],
  flags: {
    seed: {
      type: 'number',
      value: 'N',
      help: 'Random seed: the same number gives the same incident',
      default: '1',
    },
    calm: {type: 'boolean', help: 'Run the demo applications without an incident'},
    serve: {type: 'boolean', help: "No console: print the server's URL and run until Ctrl-C"},
    once: {type: 'boolean', help: 'No console: print one snapshot as JSON and exit'},
    json: {...jsonFlag.json, help: 'With --serve: print the URLs as JSON'},
    ...intervalFlag,
    ...journalFlag,
  },
  details: [],
} as const satisfies Usage;
