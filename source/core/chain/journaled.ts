import type {JournalDraft} from '../../model/journal-entry.ts';
import type {Step} from '../../model/step.ts';
import {redactDeep, redactSecrets} from '../redact.ts';
import {withoutSecrets} from '../step-secrets.ts';

/** What the journal keeps of a draft: no secret, and what is executed exactly as it was or not at all. */
export function journaled(draft: JournalDraft): JournalDraft {
  return draft.event === 'intent' ? {...draft, content: journaledStep(draft.content)} : redactDeep(draft);
}

function journaledStep(step: Step): Step {
  const kept = withoutSecrets(step);
  const title = redactSecrets(kept.title);
  if (kept.kind === 'advice') return {...kept, title, text: redactSecrets(kept.text)};
  return kept.kind === 'file' ? {...kept, title, diff: redactDeep(kept.diff)} : {...kept, title};
}
