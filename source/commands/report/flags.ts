import {journalFlag, jsonFlag, recipesFlag, type Usage} from '../../cli/call/usage.ts';

export const usage = {
  name: 'report',
  summary: 'Report an incident as Markdown, HTML or JSON',
  arguments: [{shown: '[file]', completes: 'file'}],
  flags: {
    since: {
      type: 'string',
      value: 'WHEN',
      help: 'Start: 14:00 or "2026-01-31 14:00" (UTC), or 2h for two hours ago',
      default: 'start of the recording',
    },
    until: {
      type: 'string',
      value: 'WHEN',
      help: 'End, in the same form',
      default: 'end of the recording, or now',
    },
    run: {type: 'string', value: 'ID', help: 'Only this run of the journal, and 10 min before and after it'},
    html: {
      type: 'string',
      value: 'FILE',
      help: 'Write a self-contained HTML file instead; - prints it to stdout',
    },
    'time-zone': {
      type: 'string',
      value: 'NAME',
      help: 'Time zone to show beside UTC, such as Europe/Berlin',
      default: "this machine's",
    },
    ...jsonFlag,
    ...recipesFlag,
    ...journalFlag,
  },
  details: [
    'At least one of [file], --since and --run is required. Changes come from the journal, figures and findings from the recording.',
  ],
} as const satisfies Usage;
