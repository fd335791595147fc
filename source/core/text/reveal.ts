import type {ExecutableText} from '../../model/step.ts';
import {maskSecrets} from '../sql/secrets.ts';
import type {Showable} from './redact.ts';

/**
 * Text that is executed as people read it before they agree to it, line by line: each control, format character and
 * unusual space has a sign of its own, and what PostgreSQL takes for the end of a line is one. A carriage return
 * ends a comment: `-- one row<CR>OR true`.
 */
export function revealLines(text: Showable): Showable[] {
  return text
    .split(/\r?\n|(?<=\r)/)
    .map(line => line.replace(/^\t+/, tabs => '  '.repeat(tabs.length)).replace(hidden, reveal));
}

/** The same of SQL, with its secrets masked: the one way from executable text to shown text. */
export function shownLines(text: ExecutableText): Showable[] {
  return revealLines(maskSecrets(text));
}

const hidden = /(?! )[\p{Zs}\p{Zl}\p{Zp}]|[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

function reveal(found: string): string {
  const code = found.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return code === 0x7f ? '\u2421' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}
