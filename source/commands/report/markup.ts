import {cleanLines} from '../../core/text/markdown.ts';

/** A text of others, on one line. */
export function escaped(text: string): string {
  return escapeMarkup(cleanLines(text).join(' '));
}

/** The same with its lines. */
export function escapedLines(text: string): string {
  return cleanLines(text).map(escapeMarkup).join('\n');
}

export function list(items: readonly string[]): string {
  return `<ul>${items.map(item => `<li>${escaped(item)}</li>`).join('')}</ul>`;
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character] ?? '');
}
