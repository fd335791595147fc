import type {FileChange, QueryEdit} from '../../model/step.ts';
import {setUrlParameters, setUrlQuery} from '../pool/env-text.ts';

/**
 * The file's text after the change (null: no file). Returns undefined if the change no longer applies.
 */
export function applyChange(text: string | null, change: FileChange): string | null | undefined {
  if (change.kind === 'withheld') return undefined;
  if (change.kind === 'create') return text === null ? change.text : undefined;
  if (text === null) return undefined;
  if (change.kind === 'remove') return text === change.text ? null : undefined;
  if (change.kind === 'replace') return replaceOnce(text, change);
  return change.kind === 'url_query' ? setUrlQuery(text, change) : setUrlParameters(text, change);
}

/** The reverse change. */
export function invertChange(change: FileChange): FileChange {
  switch (change.kind) {
    case 'withheld':
      return change;
    case 'create':
      return {...change, kind: 'remove'};
    case 'remove':
      return {...change, kind: 'create'};
    case 'replace':
      return {...change, before: change.after, after: change.before};
    case 'url_query':
      return {...change, edits: change.edits.toReversed().map(invertEdit)};
    case 'url_parameters':
      return {...change, before: change.after, after: change.before};
  }
}

function invertEdit({before, after}: QueryEdit): QueryEdit {
  return {before: after, after: before};
}

function replaceOnce(text: string, {before, after}: {before: string; after: string}): string | undefined {
  const at = text.indexOf(before);
  if (before === '' || at === -1 || text.indexOf(before, at + 1) !== -1) return undefined;
  return text.slice(0, at) + after + text.slice(at + before.length);
}
