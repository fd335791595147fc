import type {Code, RootContent} from 'mdast';
import {fromMarkdown} from 'mdast-util-from-markdown';
import {didYouMean} from '../core/text/nearest.ts';
import {parseDurationMs} from '../core/text/time.ts';
import type {SqlStep} from '../model/step.ts';
import {type DeclaredFunction, type MarkdownParameter, readFrontMatter} from './front-matter.ts';
import {namesIn, parseTemplate, placeholdersIn, type Template} from './template.ts';

/** A parsed Markdown recipe. */
export type MarkdownRecipe = {
  /** The name of its file without `.md`. */
  id: string;
  title: string;
  why: string;
  parameters: MarkdownParameter[];
  /** What its diagnosis and verification may call besides the reading functions of pg_catalog. */
  functions: DeclaredFunction[];
  prose: string[];
  diagnose: Statement;
  /** null: the recipe is advice. */
  plan: MarkdownPlan | null;
};

/** A block's statement and its first line. */
export type Statement = {template: Template; line: number};

export type MarkdownPlan = Pick<SqlStep, 'lock' | 'transaction' | 'timeout_ms'> & {
  apply: Statement;
  /** `each`: a step for every row of the diagnosis. */
  scope: 'each' | 'once';
  verify: Statement;
  undo: Statement | 'irreversible' | 'unneeded';
};

type Report = (line: number, message: string) => void;

const blockKinds = ['diagnose', 'plan', 'verify', 'undo'] as const;
type BlockKind = (typeof blockKinds)[number];
type Blocks = Partial<Record<BlockKind, SqlBlock>>;

/** Words after `sql plan`; those with `=` take a value. */
const planOptions = ['once', 'irreversible', 'undo-unneeded', 'no-transaction', 'lock=', 'timeout='];
const locks = ['none', 'share', 'exclusive'] as const;

/**
 * Parses a Markdown recipe and reports every mistake that can be found without a server, with its line. Do not use the
 * result if a mistake was reported. null if the recipe has no diagnosis.
 */
export function parseMarkdownRecipe(id: string, text: string, report: Report): MarkdownRecipe | null {
  const {front_matter, blocks, unclosed, prose} = readMarkdown(text);
  if (front_matter === null) report(1, 'the file must begin with title and why between two lines of ---');
  for (const line of unclosed) report(line, 'unclosed block: end it with a fence on a line of its own');
  const head = readFrontMatter(front_matter ?? '', front_matter === null ? () => {} : report);
  const blockOf = sortBlocks(blocks, report);
  if (blockOf.diagnose === undefined) {
    report(1, 'missing block "sql diagnose"');
    return null;
  }
  const recipe = {
    id,
    ...head,
    prose,
    diagnose: readStatement(blockOf.diagnose, report),
    plan: readPlan(blockOf, report),
  };
  checkNames(recipe, report);
  return recipe;
}

function sortBlocks(blocks: readonly SqlBlock[], report: Report): Blocks {
  const sorted: Blocks = {};
  for (const block of blocks) {
    const kind = blockKinds.find(each => each === block.kind);
    if (kind === undefined) {
      const hint = didYouMean(block.kind, blockKinds) || `: use ${blockKinds.join(', ')}`;
      report(block.line, `unknown block "sql ${block.kind}"${hint}`);
    } else if (sorted[kind] !== undefined) report(block.line, `duplicate block: a recipe has one ${kind}`);
    else sorted[kind] = block;
    for (const option of kind === 'plan' ? [] : block.options)
      report(block.line, `unknown option "${option}": only plan has options`);
  }
  return sorted;
}

function readPlan({plan, verify, undo}: Blocks, report: Report): MarkdownPlan | null {
  if (plan === undefined) {
    for (const block of [verify, undo]) {
      if (block !== undefined) report(block.line, `${block.kind} without a plan`);
    }
    return null;
  }
  const without = (['irreversible', 'undo-unneeded'] as const).filter(each => plan.options.includes(each));
  if (verify === undefined) report(plan.line, 'plan needs a block "sql verify"');
  const undos = [...without, ...(undo === undefined ? [] : ['an undo block'])];
  if (undos.length > 1) report(plan.line, `${undos.join(' and ')} cannot be used together`);
  if (undos.length === 0) report(plan.line, noUndo);
  const options = readOptions(plan, report);
  if (verify === undefined) return null;
  return {
    ...options,
    apply: readStatement(plan, report),
    verify: readStatement(verify, report),
    undo: undo === undefined ? undoWord(without) : readStatement(undo, report),
  };
}

const noUndo =
  'plan needs a block "sql undo", or the option irreversible, or undo-unneeded if there is nothing to undo';

function undoWord([word]: readonly ('irreversible' | 'undo-unneeded')[]): 'irreversible' | 'unneeded' {
  return word === 'undo-unneeded' ? 'unneeded' : 'irreversible';
}

function readOptions(
  {options, line}: SqlBlock,
  report: Report,
): Pick<MarkdownPlan, 'scope' | 'lock' | 'transaction' | 'timeout_ms'> {
  const optionValue = (name: string) => options.find(each => each.startsWith(name))?.slice(name.length);
  for (const option of options) {
    const [name = ''] = option.split(/(?<==)/);
    if (!planOptions.includes(name))
      report(
        line,
        `unknown option "${option}"${didYouMean(name, planOptions) || `: use ${planOptions.join(', ')}`}`,
      );
  }
  const lock = locks.find(each => each === optionValue('lock='));
  if (lock === undefined)
    report(line, `plan needs its lock: lock=${locks.join(', lock=').replace(/, (?!.*, )/, ' or ')}`);
  const timeout = optionValue('timeout=') ?? '30s';
  const timeout_ms = parseDurationMs(timeout);
  if (timeout_ms === null) report(line, `invalid duration timeout=${timeout}`);
  return {
    scope: options.includes('once') ? 'once' : 'each',
    lock: lock ?? 'exclusive',
    transaction: !options.includes('no-transaction'),
    timeout_ms: timeout_ms ?? 0,
  };
}

function readStatement({sql, line}: SqlBlock, report: Report): Statement {
  const {template, problem} = parseTemplate(sql, line + 1);
  if (problem !== null) report(problem.line, problem.message);
  return {template, line: line + 1};
}

/** A diagnosis can use parameters; a plan for each row can use the diagnosis's columns too, which lint.ts checks. */
function checkNames({parameters, diagnose, plan}: MarkdownRecipe, report: Report): void {
  const known = parameters.map(({name}) => name);
  const statements = statementsOf(plan);
  for (const {template} of plan?.scope === 'each' ? [diagnose] : [diagnose, ...statements]) {
    for (const {name, line} of placeholdersIn(template)) {
      if (!known.includes(name)) report(line, `unknown parameter "${name}"${didYouMean(name, known)}`);
    }
  }
  const used = [diagnose, ...statements].flatMap(({template}) => namesIn(template));
  for (const {name, line} of parameters) if (!used.includes(name)) report(line, `unused parameter "${name}"`);
}

/** The statements of a plan: apply, verify and, if it has one, undo. */
export function statementsOf(plan: MarkdownPlan | null): Statement[] {
  if (plan === null) return [];
  return [plan.apply, plan.verify, ...(typeof plan.undo === 'string' ? [] : [plan.undo])];
}

/** A fenced block of SQL; `kind` is the word after the language, `options` are the words after it. */
type SqlBlock = {
  /** '' for an example. */
  kind: string;
  options: string[];
  sql: string;
  /** Line of the opening fence. */
  line: number;
};

/** The parts of a Markdown recipe. */
type Document = {
  /** The text between the two `---`, from line 2 of the file; null if the file does not begin with `---`. */
  front_matter: string | null;
  blocks: SqlBlock[];
  /** Lines of opening fences without a closing one. */
  unclosed: number[];
  /** Everything else: one string per paragraph, heading and list item. */
  prose: string[];
};

function readMarkdown(text: string): Document {
  const {front_matter, rest} = splitFrontMatter(text.replaceAll('\r\n', '\n').replace(/^\uFEFF/, ''));
  const nodes = fromMarkdown(rest).children;
  return {
    front_matter,
    blocks: nodes.flatMap(node => (node.type === 'code' && hasKind(node) ? [toBlock(node)] : [])),
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
function hasKind(node: RootContent): boolean {
  return node.type === 'code' && node.lang === 'sql' && Boolean(node.meta?.trim());
}

function isUnclosed({type, position}: RootContent, text: string): boolean {
  if (type !== 'code') return false;
  const lines = text.slice(position?.start.offset, position?.end.offset).split('\n');
  const fence = /^(`{3,}|~{3,})/.exec(lines[0] ?? '')?.[0];
  return fence !== undefined && (lines.length === 1 || !lines.at(-1)?.trim().startsWith(fence));
}

function toBlock({meta, value, position}: Code): SqlBlock {
  const [kind = '', ...options] = (meta ?? '').trim().split(/\s+/);
  return {kind, options, sql: value, line: position?.start.line ?? 1};
}

function proseOf(node: RootContent, text: string): string[] {
  if (hasKind(node) || node.type === 'html' || node.type === 'definition' || node.type === 'thematicBreak')
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
