import {AssertionError} from 'node:assert';
import process from 'node:process';
import {detection, inScope, type Scope, type Statement} from './scope.ts';

export type QueryProblem = {
  /**
   * `n-plus-one`: a statement was sent again and again, with different values. `duplicate`: with the same values.
   * `over-budget`: more queries than allowed. `over-parallel`: more at the same time than the pool has connections.
   */
  kind: 'n-plus-one' | 'duplicate' | 'over-budget' | 'over-parallel';
  /** What, how often, where, and what to do, on one line. */
  message: string;
  /** SQL with placeholders, or `User.findMany`; it holds no value that was sent as a parameter. */
  statement: string;
  count: number;
  /** `file:line:column`; null if no line of the application is on the stack. */
  at: string | null;
};

export type DetectionOptions = {
  /** From how many times on a repeated statement is a problem; default 5, at least 2. */
  repetitions?: number;
  /** Most queries of one request; default no limit. */
  maxQueries?: number;
  /** Most queries at the same time; default the size of the watched pool. */
  connections?: number;
  /** What to do with what is found; default `console.warn`, once for each kind and place. */
  report?: (problems: QueryProblem[]) => void;
};

/**
 * Runs `body`, one request or job, and reports what its queries do that exhausts a pool. Watch the pool or the Prisma Client
 * with `watchQueries` first.
 */
export function detectQueries<Result>(
  options: DetectionOptions,
  body: () => PromiseLike<Result> | Result,
): Promise<Result> {
  return inScope(body, scope => {
    const problems = problemsOf(scope, options);
    if (problems.length > 0) (options.report ?? warnOnce)(problems);
  });
}

const warned = new Set<string>();

function warnOnce(problems: readonly QueryProblem[]): void {
  for (const {kind, at, statement, message} of problems) {
    const place = `${kind} ${at ?? statement}`;
    if (!warned.has(place)) console.warn(`poolctl: ${message}`);
    warned.add(place);
  }
}

function problemsOf(scope: Scope, options: DetectionOptions): QueryProblem[] {
  const {maxQueries, connections = scope.connections} = options;
  const repetitions = Math.max(2, options.repetitions ?? 5);
  const problems: QueryProblem[] = [];
  const add = (
    kind: QueryProblem['kind'],
    {text, at}: Pick<Statement, 'text' | 'at'>,
    count: number,
    what: string,
  ) => problems.push({kind, message: `${what} ${shorten(text)}${placeText(at)}`, statement: text, count, at});
  for (const statement of scope.statements.values()) {
    if (isControl.test(statement.text)) continue;
    if (statement.values.size >= repetitions) {
      const what = `N+1: sent ${statement.count} times with different values; load all rows with one query:`;
      add('n-plus-one', statement, statement.count, what);
    }
    const same = Math.max(...statement.values.values());
    if (same >= repetitions)
      add('duplicate', statement, same, `sent ${same} times with the same values; read it once:`);
  }
  if (maxQueries !== undefined && scope.count > maxQueries) {
    const most = mostSent(scope);
    const what = `${scope.count} queries in one request, ${maxQueries} allowed; most often (${most?.count}):`;
    if (most !== null) add('over-budget', most, scope.count, what);
  }
  const {running, statement} = scope.connections === null ? scope.operations.peak : scope.peak;
  if (connections !== null && running > connections && statement !== null) {
    const what = `${running} queries at the same time on ${connections} connections; run some after others (inBatches):`;
    add('over-parallel', statement, running, what);
  }
  return problems;
}

/** BEGIN, COMMIT and the like repeat without being wrong. */
const isControl = /^\s*(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|START|END|SET|DEALLOCATE)\b/i;

function mostSent({statements}: Scope): Statement | null {
  const [first] = [...statements.values()].toSorted((a, b) => b.count - a.count);
  return first ?? null;
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}

function placeText(at: string | null): string {
  if (at === null) return '';
  const folder = `${process.cwd()}/`;
  return ` at ${at.startsWith(folder) ? at.slice(folder.length) : at}`;
}

export type QueryExpectation<Result> = {
  /** Runs the function; rejects with an AssertionError that lists what it sent if it sent more than `n` queries. */
  toBeAtMost(n: number): Promise<Result>;
  /** The same for any other number than `n`. */
  toBe(n: number): Promise<Result>;
  /** Rejects if it sent a statement `repetitions` times (default 5) with different values, or with the same ones. */
  notToRepeat(repetitions?: number): Promise<Result>;
};

/**
 * What a function sends, for a test: `await expectQueries(() => listStudents()).toBeAtMost(5)`. It needs neither vitest nor
 * jest. Watch the pool or the Prisma Client with `watchQueries` first.
 */
export function expectQueries<Result>(body: () => PromiseLike<Result> | Result): QueryExpectation<Result> {
  const check = async (
    judge: (scope: Scope) => {message: string; expected: unknown; actual: unknown} | null,
  ) => {
    // Every expectation would be met.
    if (!detection.isWatching)
      throw new TypeError(
        'expectQueries sees no query: call watchQueries with the pool or the Prisma Client first',
      );
    let failure: ReturnType<typeof judge> = null;
    const result = await inScope(body, scope => {
      failure = judge(scope);
    });
    if (failure !== null) throw new AssertionError({...(failure as object), stackStartFn: check});
    return result;
  };
  const checkCount = (n: number, isRight: (count: number) => boolean, words: string) =>
    check(scope =>
      isRight(scope.count)
        ? null
        : {
            message: `${scope.count} queries, ${words} ${n}:\n${list(scope)}`,
            expected: n,
            actual: scope.count,
          },
    );
  return {
    toBeAtMost: n => checkCount(n, count => count <= n, 'expected at most'),
    toBe: n => checkCount(n, count => count === n, 'expected'),
    notToRepeat: (repetitions = 5) =>
      check(scope => {
        const found = problemsOf(scope, {repetitions, connections: Number.POSITIVE_INFINITY});
        if (found.length === 0) return null;
        return {message: found.map(({message}) => message).join('\n'), expected: 0, actual: found.length};
      }),
  };
}

function list({statements}: Scope): string {
  const lines = [...statements.values()]
    .toSorted((a, b) => b.count - a.count)
    .map(({count, text, at}) => `${String(count).padStart(5)}x ${shorten(text)}${placeText(at)}`);
  return [
    ...lines.slice(0, 20),
    ...(lines.length > 20 ? [`      and ${lines.length - 20} more statements`] : []),
  ].join('\n');
}
