import type {Node} from '@oxc-project/types';
import {counted} from '../core/text/format.ts';
import type {ScanIssue} from '../model/scan-report.ts';
import {areBatches, isBatch, isPagingBody, mostItems} from './batches.ts';
import {propertyOf, unwrap, visit} from './code/nodes.ts';
import {lineAt, placeOf} from './code/project.ts';
import {countsPerValue, duplicatesIn} from './duplicates.ts';
import {
  type Cost,
  figuresOf,
  otherConnection,
  type Patch,
  type Query,
  repeatedFigures,
  type Site,
} from './evaluate/cost.ts';
import type {PrismaModels} from './prisma-models.ts';
import {
  deepIncludeWeight,
  fineParallel,
  heavyLoopQueries,
  heavyLoopWeight,
  heavyParallel,
  heavyParallelWeight,
  type IssueKind,
  rules,
  shortLoop,
} from './rules.ts';
import {isLimited, unboundedRelations} from './unbounded.ts';

export type FoundIssue = ScanIssue & {kind: IssueKind; weight: number; site: Site};

/** The issues in what an endpoint costs, each place once, in the order of the source. */
export function findIssues(cost: Cost, models: PrismaModels | null): FoundIssue[] {
  const found = new Map<string, FoundIssue>();
  const seen = new Set<Cost>();
  const report = (
    kind: IssueKind,
    site: Site,
    detail: string,
    weight: number = rules[kind].weight,
    patch: Patch | null = null,
  ) => {
    const key = `${kind}\0${site.module.file}\0${site.node.start}`;
    if (found.has(key)) return;
    const {file, text} = site.module;
    found.set(key, {
      kind,
      file,
      line: lineAt(text, site.node.start),
      detail,
      fix: rules[kind].fix,
      patch: patch && {...placeOf(text, patch.offset), insert: patch.insert},
      weight,
      site,
    });
  };
  const look = (each: Cost, isPaging: boolean): void => {
    if (seen.has(each)) return;
    seen.add(each);
    switch (each.kind) {
      case 'query':
        for (const issue of issuesOfQuery(each.query, models))
          report(issue.kind, each.query.site, issue.detail, issue.weight);
        return;
      case 'note':
        report(each.note, each.site, each.detail, undefined, each.patch);
        return;
      case 'sequence':
      case 'branch':
        for (const part of each.parts) look(part, isPaging);
        return;
      case 'parallel': {
        const {connections} = figuresOf(each);
        const same = countsPerValue(each.parts);
        if (same !== null)
          report(
            'count-per-value',
            each.site,
            `${same.count} counts of ${same.model} that differ in ${same.field}`,
          );
        if (connections > fineParallel && Number.isFinite(connections))
          report(
            'parallel-overload',
            each.site,
            `${connections} concurrent queries: ${connections} connections`,
            connections >= heavyParallel ? heavyParallelWeight : undefined,
          );
        for (const part of each.parts) look(part, false);
        return;
      }
      case 'limited':
        look(each.body, false);
        return;
      case 'loop':
        reportLoop(each, report);
        look(each.body, each.isPaging);
        return;
      case 'transaction': {
        const other = each.isBatch ? null : otherConnection(each.body);
        if (other !== null)
          report('second-connection', each.site, `another client inside: ${placeIn(other)}`);
        look(each.body, false);
      }
    }
  };
  look(cost, false);
  for (const {query, first} of duplicatesIn(cost)) {
    const {node, module} = first.site;
    report('duplicate-query', query.site, `the same query as in line ${lineAt(module.text, node.start)}`);
  }
  return [...found.values()];
}

type Report = (kind: IssueKind, site: Site, detail: string, weight?: number) => void;

function reportLoop(
  {body, count, isParallel, isPaging, over, site}: Extract<Cost, {kind: 'loop'}>,
  report: Report,
): void {
  const {queries, connections} = repeatedFigures(body);
  if (queries === 0 || (count !== null && count < 2)) return;
  const each = Number.isFinite(queries) ? counted(queries, 'query', 'queries') : 'queries in an inner loop';
  const isHeavy = queries >= heavyLoopQueries;
  if (isParallel) {
    if (count !== null && connections > 0 && count * connections <= fineParallel && !isHeavy) return;
    const limit = body.kind === 'limited' ? body.limit : null;
    // Bounded by p-limit or a batch's size, or within a transaction: one connection each at most.
    if (connections === 0 || limit !== null || isBatch(over)) {
      report(
        'query-in-loop',
        site,
        `${each} per item of ${over}${limit === null ? '' : `, ${limit} at a time`}`,
        isHeavy ? heavyLoopWeight : undefined,
      );
      return;
    }
    const most = count ?? mostItems(over);
    const held =
      most === null || !Number.isFinite(connections)
        ? 'as many connections as it has items'
        : `${most * connections} connections${count === null ? ' at most' : ''}`;
    const weight = isHeavy ? heavyLoopWeight : count === null ? undefined : heavyParallelWeight;
    report('parallel-per-item', site, `${each} per item of ${over}, all concurrently: ${held}`, weight);
    return;
  }
  if ((isPaging && isPagingBody(body)) || areBatches.test(over)) return;
  const times = count === null ? '' : `, ${count} times`;
  const weight =
    count !== null && count <= shortLoop
      ? rules['unbounded-find'].weight
      : isHeavy && count === null
        ? heavyLoopWeight
        : undefined;
  report(
    isByDate(site.node, over) ? 'date-loop' : 'query-in-loop',
    site,
    `${each} per pass of the loop over ${over}${times}`,
    weight,
  );
}

const dateWords =
  /^(?:setMonth|getMonth|subMonths|addMonths|startOfMonth|endOfMonth|setDate|getDate|subDays|addDays|startOfDay|endOfDay|subWeeks|addWeeks|startOfWeek|endOfWeek)$/;

/** Whether a loop computes its dates, of months, weeks or days; a list of other things has dates of its own. */
function isByDate(node: Node, over: string): boolean {
  if (!/^(?:For|While|DoWhile)Statement$/.test(node.type) && !/month|week|day|date|period|length/i.test(over))
    return false;
  let is = false;
  visit(node, each => {
    if (each.type === 'Identifier' && dateWords.test(each.name)) is = true;
    return !is;
  });
  return is;
}

/** `lib/users.ts:12`. */
function placeIn({module, node}: Site): string {
  return `${module.file}:${lineAt(module.text, node.start)}`;
}

type QueryIssue = {kind: IssueKind; detail: string; weight?: number};

function issuesOfQuery({model, operation, argument, site}: Query, models: PrismaModels | null): QueryIssue[] {
  if (/Unsafe$/.test(operation))
    return isInterpolated(argument)
      ? [{kind: 'raw-interpolation', detail: `${operation} with text put together from values`}]
      : [];
  if (operation === 'all' && model !== null)
    return [{kind: 'unbounded-find', detail: `${model}.all() without limit: all rows that match`}];
  if (!/^find/.test(operation) || model === null) return [];
  const options = argument === null ? null : unwrap(argument);
  if (options !== null && options.type !== 'ObjectExpression') return [];
  const shape = models?.get(model);
  const isMany = operation === 'findMany';
  const isBounded = !isMany || (options !== null && isLimited(options, shape));
  const own: QueryIssue[] = isBounded
    ? []
    : [
        {
          kind: 'unbounded-find',
          detail: `${model}.findMany without take: all rows ${options !== null && propertyOf(options, 'where') ? 'that match' : 'of the table'}`,
        },
      ];
  const lists = options === null || models === null ? [] : unboundedRelations(options, model, models, 1);
  const relations = lists.map(
    ({path, depth, isFiltered}): QueryIssue => ({
      kind: 'unbounded-include',
      detail: `${model}.${operation} reads all ${path} of each row${isFiltered ? ' that match' : ''}`,
      weight: depth > 1 || !isBounded ? deepIncludeWeight : rules['unbounded-include'].weight,
    }),
  );
  // One place, so one issue: the heaviest relation.
  const [heaviest] = relations.toSorted((a, b) => (b.weight ?? 0) - (a.weight ?? 0));
  return site && heaviest ? [...own, heaviest] : own;
}

/** Statements that PostgreSQL takes no parameters in. */
const takesNoParameters =
  /^\s*(?:set|reset|create|alter|drop|truncate|comment|grant|revoke|reindex|vacuum|refresh|listen|notify)\b/i;

/** A template with values, or a concatenation with something that is no literal. */
function isInterpolated(argument: Node | null): boolean {
  if (argument === null) return false;
  const node = unwrap(argument);
  if (node.type === 'TemplateLiteral')
    return node.expressions.length > 0 && !takesNoParameters.test(node.quasis[0]?.value.raw ?? '');
  return (
    node.type === 'BinaryExpression' &&
    node.operator === '+' &&
    [node.left, node.right].some(each => each.type !== 'Literal')
  );
}
