import {redactSecrets, type Showable} from './redact.ts';
import {sanitise} from './sanitise.ts';

/** Text from a server, without secrets and control characters, line by line. */
export function cleanLines(text: Showable): string[] {
  return redactSecrets(text)
    .split(/\r\n|\n|\r/)
    .map(sanitise);
}

/**
 * Text from a server as inline code, fenced by more backticks than it contains: only so is it never rendered as a link, image,
 * tag, reference or mention.
 */
export function inlineCode(text: Showable): string {
  const clean = cleanLines(text).join(' ').trim() || '-';
  const fence = '`'.repeat(longestRun(clean) + 1);
  return fence.length === 1 ? `\`${clean}\`` : `${fence} ${clean} ${fence}`;
}

/** Inline code for a table cell: there `|` ends the cell even in code, unless an odd number of backslashes precedes it. */
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
