import {type QueryEdit, setUrlParameters, setUrlQuery} from '../pool/env-text.ts';
import type {FileReplacement} from '../ports.ts';

/** A change of a text file as data that can be turned round. Holds no secret: the journal keeps it. */
export type FileChange =
  /** A file that was not there. */
  | {kind: 'create'; text: string; folder?: FileReplacement['folder']}
  /** Only while it holds exactly this text. */
  | {kind: 'remove'; text: string; folder?: FileReplacement['folder']}
  /** `before` must occur exactly once. */
  | {kind: 'replace'; before: string; after: string}
  /** Parts of the query of the URL that `variable` of an .env file holds, as they are written. */
  | {kind: 'url_query'; variable: string; edits: QueryEdit[]}
  /** The same in older journals, decoded: it cannot give back each byte. null is "not there". */
  | {kind: 'url_parameters'; variable: string; before: UrlParameters; after: UrlParameters}
  /** The journal's stand-in for one that holds a secret: it fits no text. */
  | {kind: 'withheld'};

export type UrlParameters = Record<string, string | null>;

/**
 * The file's text after the change; null is "no file". `undefined` where the change does not fit the text any more.
 */
export function applyChange(text: string | null, change: FileChange): string | null | undefined {
  if (change.kind === 'withheld') return undefined;
  if (change.kind === 'create') return text === null ? change.text : undefined;
  if (text === null) return undefined;
  if (change.kind === 'remove') return text === change.text ? null : undefined;
  if (change.kind === 'replace') return replaceOnce(text, change);
  return change.kind === 'url_query' ? setUrlQuery(text, change) : setUrlParameters(text, change);
}

/** The change that takes this one back. */
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
