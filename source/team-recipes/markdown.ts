import type {Code, RootContent} from 'mdast';
import {fromMarkdown} from 'mdast-util-from-markdown';

/** A fenced block of SQL; `mark` is the word after the language, `options` are the words after it. */
export type SqlBlock = {
  /** '' for an example, which has none. */
  mark: string;
  options: string[];
  sql: string;
  /** Line of the opening fence. */
  line: number;
};

/** The parts of a Markdown recipe. */
export type Document = {
  /** The text between the two `---`, from line 2 of the file; null where the file does not begin with `---`. */
  front_matter: string | null;
  blocks: SqlBlock[];
  /** Lines of opening fences without a closing one. */
  unclosed: number[];
  /** Everything else: one string per paragraph, heading and list item. */
  prose: string[];
};

export function readMarkdown(text: string): Document {
  const {front_matter, rest} = splitFrontMatter(text.replaceAll('\r\n', '\n').replace(/^\uFEFF/, ''));
  const nodes = fromMarkdown(rest).children;
  return {
    front_matter,
    blocks: nodes.flatMap(node => (node.type === 'code' && isMarked(node) ? [toBlock(node)] : [])),
    unclosed: nodes.flatMap(node => (isUnclosed(node, rest) ? [node.position?.start.line ?? 1] : [])),
    prose: nodes.flatMap(node => proseOf(node, rest)),
  };
}

/** Replaces the front matter by empty lines, so that the rest keeps its line numbers. */
function splitFrontMatter(text: string): {front_matter: string | null; rest: string} {
  const [whole, front_matter] = /^---[ \t]*\n([\s\S]*?)^---[ \t]*(?:\n|$)/m.exec(text) ?? [];
  if (whole === undefined || front_matter === undefined || !text.startsWith(whole)) {
    return {front_matter: null, rest: text};
  }
  return {front_matter, rest: whole.replace(/[^\n]/g, '') + text.slice(whole.length)};
}

/** An `sql` block without a word after the language is an example, part of the prose. */
function isMarked(node: RootContent): boolean {
  return node.type === 'code' && node.lang === 'sql' && Boolean(node.meta?.trim());
}

function isUnclosed({type, position}: RootContent, text: string): boolean {
  if (type !== 'code') return false;
  const lines = text.slice(position?.start.offset, position?.end.offset).split('\n');
  const fence = /^(`{3,}|~{3,})/.exec(lines[0] ?? '')?.[0];
  return fence !== undefined && (lines.length === 1 || !lines.at(-1)?.trim().startsWith(fence));
}

function toBlock({meta, value, position}: Code): SqlBlock {
  const [mark = '', ...options] = (meta ?? '').trim().split(/\s+/);
  return {mark, options, sql: value, line: position?.start.line ?? 1};
}

function proseOf(node: RootContent, text: string): string[] {
  if (isMarked(node) || node.type === 'html' || node.type === 'definition' || node.type === 'thematicBreak')
    return [];
  if (node.type === 'list')
    return node.children.map(item => `- ${sourceOf(item, text).replace(/^[-*+]\s+/, '')}`);
  if (node.type === 'code') return node.value.split('\n');
  return [sourceOf(node, text).replace(/^#+\s+/, '')];
}

/** The source with its markup, on one line. */
function sourceOf({position}: {position?: RootContent['position']}, text: string): string {
  return text
    .slice(position?.start.offset, position?.end.offset)
    .replace(/\s*\n\s*/g, ' ')
    .trim();
}
