import {journalFlag, jsonFlag, type Usage} from '../../cli/call/usage.ts';

export const exportFormats = ['jsonl', 'csv', 'markdown'] as const;

export const usage = {
  name: 'journal',
  summary: 'Show what was changed, when and by whom',
  arguments: [
    {shown: '[list|show|verify|export]', completes: ['list', 'show', 'verify', 'export']},
    {shown: '[run]'},
  ],
  flags: {
    format: {
      type: 'string',
      value: 'NAME',
      help: 'With export: jsonl, csv or markdown',
      default: 'jsonl',
      choices: exportFormats,
    },
    head: {
      type: 'string',
      value: 'HASH',
      help: 'With verify: an earlier head that the journal must still contain',
    },
    ...journalFlag,
    ...jsonFlag,
  },
  details: [
    'list (the default) lists the entries, show <run> prints one run, verify checks the hash chain, export prints all entries.',
    "verify --head HASH exits 8 if the journal no longer contains the entry with that hash, for example because the journal was truncated or rewritten. Keep the head printed by 'poolctl journal verify' on another machine.",
  ],
} as const satisfies Usage;
