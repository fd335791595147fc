import {redactSecrets, type Showable} from './redact.ts';
import {sanitise} from './sanitise.ts';

/** A text of others without secrets and control sequences; its lines stay lines. */
export function cleanLines(text: Showable): string[] {
  return redactSecrets(text)
    .split(/\r\n|\n|\r/)
    .map(sanitise);
}

/**
 * Inline code with more backticks around it than are in it: the one form in which a text of others is no link, image,
 * tag, reference or mention, whatever address it holds and whoever renders it.
 */
export function inlineCode(text: Showable): string {
  const clean = cleanLines(text).join(' ').trim() || '-';
  const fence = '`'.repeat(longestRun(clean) + 1);
  return fence.length === 1 ? `\`${clean}\`` : `${fence} ${clean} ${fence}`;
}

/** The same in a table, where a bar ends a cell even in code, unless an odd number of backslashes stands before it. */
export function tableCode(text: Showable): string {
  return inlineCode(text).replace(
    /(\\*)\|/g,
    (_, run: string) => `${run}${run.length % 2 === 0 ? '\\' : '\\\\'}|`,
  );
}

export function codeBlock(text: Showable, language = 'text'): string[] {
  const lines = cleanLines(text);
  const fence = '`'.repeat(Math.max(3, longestRun(lines.join('\n')) + 1));
  return [`${fence}${language}`, ...lines, fence];
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map(({length}) => length));
}
