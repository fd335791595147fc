import {setUrlParameters} from '../pool/env-text.ts';

/** A change of a text file as data that can be turned round. Holds no secret: the journal keeps it. */
export type FileChange =
  /** A file that was not there. */
  | {kind: 'create'; text: string}
  /** Only while it holds exactly this text. */
  | {kind: 'remove'; text: string}
  /** `before` must occur exactly once. */
  | {kind: 'replace'; before: string; after: string}
  /** Query parameters of the URL that `variable` of an .env file holds; null is "not there". */
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
  return setUrlParameters(text, change);
}

/** The change that takes this one back. */
export function invertChange(change: FileChange): FileChange {
  switch (change.kind) {
    case 'withheld':
      return change;
    case 'create':
      return {kind: 'remove', text: change.text};
    case 'remove':
      return {kind: 'create', text: change.text};
    default:
      return {...change, before: change.after, after: change.before} as FileChange;
  }
}

function replaceOnce(text: string, {before, after}: {before: string; after: string}): string | undefined {
  const at = text.indexOf(before);
  if (before === '' || at === -1 || text.indexOf(before, at + 1) !== -1) return undefined;
  return text.slice(0, at) + after + text.slice(at + before.length);
}
