import type {JournalDraft} from '../../source/model/journal-entry.ts';

export function draftOf(run: string, step: number): JournalDraft {
  return {
    actor: 'me@here',
    target: 'db:5432/shop',
    run,
    event: 'outcome',
    step,
    outcome: 'verified',
    row_count: 1,
    sqlstate: null,
    message: null,
    duration_ms: 3,
  };
}

export function intentOf(run: string, step: number): JournalDraft {
  return {
    actor: 'me@here',
    target: 'db:5432/shop',
    run,
    event: 'intent',
    step,
    content: {kind: 'advice', title: `step ${step}`, subject: 'server', text: 'look'},
  };
}
