import {formatBytes} from '../../../source/core/text/format.ts';
import type {Measured, StatementCosts} from './measure.ts';

export type Section = {title: string; measured: readonly Measured[]};

/** The tables of report.md. */
export function toMarkdown(sections: readonly Section[]): string {
  return [
    '# What the index finder proposes, and what it is worth',
    '',
    "Costs are the planner's own, of generic plans, one process and no JIT; LIMIT of a number unknown is taken as 100.",
    'Unused: no generic plan reads it. The finder also asks for plans with the most common values, in which it may be read.',
    'The rule is "an index of its own for every column a predicate names". `npm run bench:indexes` makes this again.',
    'The constants of the estimator, which decides without HypoPG, were tuned on the other workloads; what those held out showed at first is in held-out.md, and the finder was then changed in answer to it: their figures here forecast nothing either.',
    '',
    ...sections.flatMap(sectionLines),
  ].join('\n');
}

function sectionLines({title, measured}: Section): string[] {
  return [
    `## ${title}`,
    '',
    '| workload | statements | indexes: rule | indexes: poolctl | cost before | rule | poolctl | unused | duplicates | found in |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...measured.map(summaryLine),
    '',
    ...measured.flatMap(shortcomings),
    ...measured.flatMap(workloadLines),
  ];
}

function total({statements}: Pick<Measured, 'statements'>, which: 'before' | 'rule' | 'poolctl'): number {
  return statements.reduce((sum, each) => sum + each[which] * each.calls, 0);
}

/** Percent of the cost before. */
function share(each: Measured, which: 'rule' | 'poolctl'): number {
  return Number(((100 * total(each, which)) / total(each, 'before')).toFixed(1));
}

function nameOf({workload}: Measured): string {
  return workload.name + (workload.held_out ? ' (held out)' : '');
}

/** Statements for which poolctl is worse than the rule, and indexes that no plan reads. */
function shortcomings(each: Measured): string[] {
  const [rule, poolctl] = [share(each, 'rule'), share(each, 'poolctl')];
  const found = [
    ...(poolctl > rule
      ? [`its ${poolctl.toFixed(1)} % of the cost are more than the rule's ${rule.toFixed(1)} %`]
      : []),
    ...each.unused.map(name => `no plan reads \`${name}\``),
  ];
  return found.length === 0 ? [] : [`**${nameOf(each)} falls short**: ${found.join('; ')}.`, ''];
}

function summaryLine(each: Measured): string {
  const cells = [
    nameOf(each),
    each.statements.length,
    each.rule_indexes,
    each.advice.proposals.length,
    Math.round(total(each, 'before')).toLocaleString('en'),
    `${share(each, 'rule').toFixed(1)} %`,
    `${share(each, 'poolctl').toFixed(1)} %`,
    each.unused.length,
    each.duplicates.length,
    `${each.seconds.toFixed(1)} s`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function workloadLines({workload, advice, statements, unused, duplicates}: Measured): string[] {
  return [
    `### ${workload.name}: ${workload.what}${workload.held_out ? ' (held out)' : ''}`,
    '',
    ...(advice.proposals.length === 0 ? ['Nothing is proposed.', ''] : []),
    ...advice.proposals.map(
      ({definition, confidence, source, estimated_size_bytes, name}) =>
        `- \`${definition.replace('CREATE INDEX CONCURRENTLY ', '')}\` ${formatBytes(estimated_size_bytes)}, ${confidence}, for ${source === 'foreign_key' ? 'a foreign key' : 'statements'}${unused.includes(name) ? ', UNUSED' : ''}${duplicates.includes(name) ? ', DUPLICATE' : ''}`,
    ),
    '',
    ...(advice.skipped.length === 0 ? [] : ['Left out:', '']),
    ...advice.skipped.map(({what, reason}) => `- ${short(what)}: ${reason}`),
    '',
    '| statement | calls | before | rule | poolctl |',
    '|---|---|---|---|---|',
    ...statements.map(statementLine),
    '',
  ];
}

function statementLine({query, calls, before, rule, poolctl}: StatementCosts): string {
  const costs = [before, rule, poolctl].map(cost => Math.round(cost).toLocaleString('en'));
  return `| \`${short(query)}\` | ${calls} | ${costs.join(' | ')} |`;
}

function short(query: string): string {
  const line = query.replace(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('`', "'");
  return line.length > 90 ? `${line.slice(0, 89)}…` : line;
}
