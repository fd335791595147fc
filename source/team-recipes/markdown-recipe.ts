import {parseDurationMs} from '../core/text/duration.ts';
import {didYouMean} from '../core/text/nearest.ts';
import type {SqlStep} from '../model/step.ts';
import type {MarkdownParameter} from './front-matter.ts';
import {type DeclaredFunction, readFrontMatter} from './front-matter.ts';
import {readMarkdown, type SqlBlock} from './markdown.ts';
import {namesIn, parseTemplate, placeholdersIn, type Template} from './template.ts';

/** A runbook as it was written, understood. */
export type MarkdownRecipe = {
  /** The name of its file. */
  id: string;
  title: string;
  why: string;
  parameters: MarkdownParameter[];
  /** Besides PostgreSQL's own that only read, what its diagnosis and verification may call. */
  functions: DeclaredFunction[];
  prose: string[];
  diagnose: Statement;
  /** null: it is advice. */
  plan: MarkdownPlan | null;
};

/** A block's statement and the line it begins in. */
export type Statement = {template: Template; line: number};

export type MarkdownPlan = Pick<SqlStep, 'lock' | 'transaction' | 'timeout_ms'> & {
  plan: Statement;
  /** `each`: a step for every row that the diagnosis returned. */
  scope: 'each' | 'once';
  verify: Statement;
  undo: Statement | 'irreversible' | 'unneeded';
};

type Report = (line: number, message: string) => void;

const marks = ['diagnose', 'plan', 'verify', 'undo'] as const;
type Mark = (typeof marks)[number];
type Blocks = Partial<Record<Mark, SqlBlock>>;

/** What a plan may say besides its SQL, as it is written after the mark. */
const planOptions = ['once', 'irreversible', 'undo-unneeded', 'no-transaction', 'lock=', 'timeout='];
const locks = ['none', 'share', 'exclusive'] as const;

/**
 * The runbook in a file's text. `report` is told of every mistake that can be seen without a server, by its line;
 * what is returned after one is not to be used.
 */
export function parseMarkdownRecipe(id: string, text: string, report: Report): MarkdownRecipe | null {
  const {front_matter, blocks, unclosed, prose} = readMarkdown(text);
  if (front_matter === null) report(1, 'it does not begin with its title and why between two lines of ---');
  for (const line of unclosed) report(line, 'this block is never closed: end it with a fence of its own');
  const head = readFrontMatter(front_matter ?? '', front_matter === null ? () => {} : report);
  const marked = sortBlocks(blocks, report);
  if (marked.diagnose === undefined) {
    report(1, 'there is no sql block marked diagnose: what is wrong has to be seen first');
    return null;
  }
  const runbook = {
    id,
    ...head,
    prose,
    diagnose: readStatement(marked.diagnose, report),
    plan: readPlan(marked, report),
  };
  refuseNames(runbook, report);
  return runbook;
}

function sortBlocks(blocks: readonly SqlBlock[], report: Report): Blocks {
  const sorted: Blocks = {};
  for (const block of blocks) {
    const mark = marks.find(each => each === block.mark);
    if (mark === undefined) {
      const hint = didYouMean(block.mark, marks) || `: the marks are ${marks.join(', ')}`;
      report(block.line, `there is no mark "${block.mark}"${hint}`);
    } else if (sorted[mark] !== undefined) report(block.line, `a second ${mark}: a runbook has one`);
    else sorted[mark] = block;
    for (const option of mark === 'plan' ? [] : block.options)
      report(block.line, `"${option}": only a plan says more than its mark`);
  }
  return sorted;
}

function readPlan({plan, verify, undo}: Blocks, report: Report): MarkdownPlan | null {
  if (plan === undefined) {
    for (const block of [verify, undo]) {
      if (block !== undefined) report(block.line, `${block.mark} without a plan`);
    }
    return null;
  }
  const without = (['irreversible', 'undo-unneeded'] as const).filter(each => plan.options.includes(each));
  if (verify === undefined) report(plan.line, 'a plan wants a verify: how is it seen that it worked?');
  const said = [...without, ...(undo === undefined ? [] : ['has an undo'])];
  if (said.length > 1) report(plan.line, `it is ${said.join(' and ')}: which is it?`);
  if (said.length === 0) report(plan.line, noUndo);
  const options = readOptions(plan, report);
  if (verify === undefined) return null;
  return {
    ...options,
    plan: readStatement(plan, report),
    verify: readStatement(verify, report),
    undo: undo === undefined ? undoWord(without) : readStatement(undo, report),
  };
}

const noUndo =
  'a plan wants an undo, or says irreversible (sql plan irreversible), or undo-unneeded where it leaves nothing to take back';

function undoWord([word]: readonly ('irreversible' | 'undo-unneeded')[]): 'irreversible' | 'unneeded' {
  return word === 'undo-unneeded' ? 'unneeded' : 'irreversible';
}

function readOptions(
  {options, line}: SqlBlock,
  report: Report,
): Pick<MarkdownPlan, 'scope' | 'lock' | 'transaction' | 'timeout_ms'> {
  const given = (name: string) => options.find(each => each.startsWith(name))?.slice(name.length);
  for (const option of options) {
    const [name = ''] = option.split(/(?<==)/);
    if (!planOptions.includes(name))
      report(
        line,
        `a plan has no "${option}"${didYouMean(name, planOptions) || `: it has ${planOptions.join(', ')}`}`,
      );
  }
  const lock = locks.find(each => each === given('lock='));
  if (lock === undefined)
    report(line, `a plan says what it locks for others: lock=${locks.join(' or lock=')}`);
  const timeout = given('timeout=') ?? '30s';
  const timeout_ms = parseDurationMs(timeout);
  if (timeout_ms === null) report(line, `timeout=${timeout} is not a duration`);
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

/** Only parameters are known before the diagnosis; after it its columns are too, where the plan is for each row. */
function refuseNames({parameters, diagnose, plan: act}: MarkdownRecipe, report: Report): void {
  const known = parameters.map(({name}) => name);
  const statements = statementsOf(act);
  const knowsRows = act?.scope === 'each';
  for (const {template} of knowsRows ? [diagnose] : [diagnose, ...statements]) {
    for (const {name, line} of placeholdersIn(template)) {
      if (!known.includes(name)) report(line, `there is no parameter "${name}"${didYouMean(name, known)}`);
    }
  }
  const used = [diagnose, ...statements].flatMap(({template}) => namesIn(template));
  for (const {name, line} of parameters)
    if (!used.includes(name)) report(line, `parameter "${name}" is never used`);
}

/** Every statement that comes after the diagnosis. */
export function statementsOf(act: MarkdownPlan | null): Statement[] {
  if (act === null) return [];
  return [act.plan, act.verify, ...(typeof act.undo === 'string' ? [] : [act.undo])];
}
