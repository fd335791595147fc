import {redactSecrets} from '../../core/text/redact.ts';
import {scanStatement} from '../endpoint/scan-statement.ts';
import type {BoundParameters, CapturedStatement, Rows} from './capture-log.ts';
import {decodeValue, isKeyType, typeName, type Value} from './values.ts';

/** A result whose values later statements may use as parameters. */
export type Source = {columns: readonly string[]; rows: readonly (readonly (string | null | undefined)[])[]};

/** Captured statements as a tree, with the pauses between them. */
export type Timed =
  | {
      kind: 'statement';
      text: string;
      values: readonly Value[];
      /** Its result; null unless it is known completely. */
      result: Source | null;
      /** Pause before it, during which the application had no statement running. */
      think_ms: number;
    }
  | {
      kind: 'group' | 'transaction';
      body: readonly Timed[];
      think_ms: number;
      /** Pause between the last statement and the end. */
      trailing_ms: number;
    }
  | {
      kind: 'parallel';
      /** Sequences that ran at the same time. */
      branches: readonly Timed[];
      /** The same statements in the order they were sent. */
      units: readonly Timed[];
      think_ms: number;
    };

/** A statement, the statements sent with one Sync, or a transaction; on one connection. */
export type Unit = {node: Timed; connection: number; started_ms: number; ended_ms: number};

export type Units = {
  units: Unit[];
  /** Statements in them, BEGIN and COMMIT included. */
  statements: number;
  /** Statements that cannot be replayed: reason and count. */
  skipped: Map<string, number>;
};

/** The units of all connections, ordered by start. */
export function unitsOf(recorded: readonly CapturedStatement[]): Units {
  const skipped = new Map<string, number>();
  const builders = new Map<number, ReturnType<typeof createUnitBuilder>>();
  let statements = 0;
  for (const each of recorded) {
    const reason = skipReasonOf(each);
    if (reason !== null) {
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      continue;
    }
    const builder = builders.get(each.connection) ?? createUnitBuilder(each.connection);
    builders.set(each.connection, builder);
    for (const statement of unitStatementsOf(each)) {
      statements++;
      builder.add(statement);
    }
  }
  const units = [...builders.values()].flatMap(builder => builder.end());
  return {units: units.sort((a, b) => a.started_ms - b.started_ms), statements, skipped};
}

type UnitStatement = {
  text: string;
  tag: string;
  segment: number;
  values: Value[];
  result: Source | null;
  started_ms: number;
  ended_ms: number;
};

function unitStatementsOf(statement: CapturedStatement): UnitStatement[] {
  const {text, bound, tags, segment, started_ms} = statement;
  const all = splitStatements(text).map(withoutTrace);
  const texts = bound === null ? all : all.slice(0, 1);
  const ended_ms = statement.ended_ms ?? started_ms;
  return texts.map((each, index) => ({
    text: bound === null ? each : withDeclaredTypes(each, bound.declared),
    // A rule's statement may complete without a tag; tags then cannot be matched to statements.
    tag: texts.length === tags.length ? (tags[index] ?? '') : '',
    segment,
    values: bound === null ? [] : valuesOf(bound),
    result: texts.length === 1 ? sourceOf(statement.rows, tags[0] ?? '') : null,
    started_ms: index === 0 ? started_ms : ended_ms,
    ended_ms,
  }));
}

/** Why a statement cannot be replayed; null if it can. */
function skipReasonOf({skipReason, ended_ms, text}: CapturedStatement): string | null {
  if (skipReason !== null) return skipReason;
  if (splitStatements(text).some(mayContainSecret)) return 'may contain a password';
  return ended_ms === null ? 'still running when the capture ended' : null;
}

function valuesOf({declared, inferred, formats, values}: BoundParameters): Value[] {
  return values.map((value, index) =>
    decodeValue(value, formatOf(formats, index), declared[index] || (inferred?.[index] ?? 0)),
  );
}

/** 0 is text, 1 is binary. With no format all are text; one format applies to all (protocol-message-formats, Bind). */
function formatOf(formats: readonly number[], index: number): number {
  return (formats.length === 1 ? formats[0] : formats[index]) ?? 0;
}

/** The columns that `$name` can refer to and whose values drivers pass on unchanged. */
function sourceOf(rows: Rows | null, tag: string): Source | null {
  if (rows === null || !rows.isWhole || Number(tag.split(' ').at(-1)) !== rows.cells.length) return null;
  const names = rows.fields.map(({name}) => name);
  const usable = [...rows.fields.entries()].filter(
    ([, {name, oid}]) =>
      /^[A-Za-z_]\w*$/.test(name) && isKeyType(oid) && names.indexOf(name) === names.lastIndexOf(name),
  );
  return {
    columns: usable.map(([, {name}]) => name),
    rows: rows.cells.map(cells =>
      usable.map(([index, {oid}]) => {
        const cell = cells[index];
        return cell === undefined ? undefined : decodeValue(cell, formatOf(rows.formats, index), oid).key;
      }),
    ),
  };
}

type OpenTransaction = {body: Timed[]; started_ms: number; ended_ms: number};

/** Splits the statements of a connection into units. A transaction is one unit. */
function createUnitBuilder(connection: number) {
  const units: (Unit & {segment: number})[] = [];
  let open: OpenTransaction | null = null;

  const close = ({started_ms, ended_ms}: UnitStatement, {body, ...since}: OpenTransaction) => {
    const trailing_ms = Math.max(started_ms - since.ended_ms, 0);
    const node = {kind: 'transaction', body, think_ms: 0, trailing_ms} as const;
    units.push({node, connection, segment: -1, started_ms: since.started_ms, ended_ms});
    open = null;
  };
  const addTo = (transaction: OpenTransaction, statement: UnitStatement) => {
    transaction.body.push(nodeOf(statement, statement.started_ms - transaction.ended_ms));
    transaction.ended_ms = Math.max(transaction.ended_ms, statement.ended_ms);
  };
  const addOutsideTransaction = (statement: UnitStatement) => {
    const {segment, started_ms, ended_ms} = statement;
    const last = units.at(-1);
    if (last === undefined || last.segment !== segment) {
      units.push({node: nodeOf(statement, 0), connection, segment, started_ms, ended_ms});
      return;
    }
    // Sent with one Sync: they run in order on this connection.
    const body = last.node.kind === 'group' ? last.node.body : [last.node];
    last.node = {kind: 'group', body: [...body, nodeOf(statement, 0)], think_ms: 0, trailing_ms: 0};
    last.ended_ms = ended_ms;
  };

  return {
    add(statement: UnitStatement): void {
      const bare = withoutLeadingComments(statement.text);
      const isEnd = statement.tag === 'COMMIT' || (statement.tag === 'ROLLBACK' && !/\bto\b/i.test(bare));
      if (open === null) {
        if (isBegin(statement)) open = begin(statement, bare);
        else if (!isEnd) addOutsideTransaction(statement);
        return;
      }
      if (!isEnd) {
        if (!isBegin(statement)) addTo(open, statement);
        return;
      }
      // The replay rolls back what the application rolled back.
      if (/^(rollback|abort)/i.test(bare)) addTo(open, {...statement, text: 'ROLLBACK', values: []});
      close(statement, open);
      if (/\band\s+chain\b/i.test(bare))
        open = {body: [], started_ms: statement.ended_ms, ended_ms: statement.ended_ms};
    },
    end(): Unit[] {
      if (open !== null) {
        const {body, started_ms, ended_ms} = open;
        const node = {kind: 'transaction', body, think_ms: 0, trailing_ms: 0} as const;
        units.push({node, connection, segment: -1, started_ms, ended_ms});
      }
      return units;
    },
  };
}

function isBegin({tag}: UnitStatement): boolean {
  return tag === 'BEGIN' || tag === 'START TRANSACTION';
}

/** `BEGIN ISOLATION LEVEL SERIALIZABLE` is BEGIN and SET TRANSACTION in an endpoint file. */
function begin({started_ms, ended_ms}: UnitStatement, text: string): OpenTransaction {
  const mode = text.replace(/^(begin|start)(\s+(work|transaction))?\s*/i, '');
  const set = {
    kind: 'statement',
    text: `SET TRANSACTION ${mode}`,
    values: [],
    result: null,
    think_ms: 0,
  } as const;
  return {body: mode === '' ? [] : [set], started_ms, ended_ms};
}

function nodeOf({text, values, result}: UnitStatement, think_ms: number): Timed {
  return {kind: 'statement', text, values, result, think_ms: Math.max(think_ms, 0)};
}

/** The statements of a simple query, without their semicolons and without empty ones. */
export function splitStatements(text: string): string[] {
  const statements: string[] = [];
  for (let at = 0; at < text.length; ) {
    const {end, isEnded} = scanStatement(text, at);
    const statement = text.slice(at, isEnded ? end - 1 : end).trim();
    if (withoutLeadingComments(statement) !== '') statements.push(statement);
    at = end;
  }
  return statements;
}

/**
 * Whether a statement may contain a password as a literal, and so must not be written to the file. `password = $1` does
 * not.
 */
export function mayContainSecret(text: string): boolean {
  if (/^(create|alter)\s+(role|user|group|server|subscription)\b/i.test(withoutLeadingComments(text)))
    return true;
  const neutral = text.replace(/=\s*\$\d+/g, ' ');
  return redactSecrets(neutral) !== neutral;
}

/**
 * The statement with the parameter types the client declared: `$1` becomes `$1::int8`, which the server resolves to the
 * same operators and plan. The server infers the others, which are of user-defined types.
 */
export function withDeclaredTypes(text: string, declared: readonly number[]): string {
  if (declared.every(oid => typeName(oid) === null)) return text;
  return text.replace(token, (found, number: string | undefined, offset: number) => {
    if (number === undefined) return found;
    const name = typeName(declared[Number(number) - 1] ?? 0);
    const next = text.slice(offset + found.length);
    if (name === null || /^\s*::/.test(next)) return found;
    return /^\s*[[.]/.test(next) ? `(${found}::${name})` : `${found}::${name}`;
  });
}

/** Removes the trace context that an ORM appends (sqlcommenter), which makes equal statements differ. */
export function withoutTrace(text: string): string {
  return text.replace(/\s*\/\*(?:(?!\*\/)[\s\S])*\btraceparent=(?:(?!\*\/)[\s\S])*\*\/\s*$/, '');
}

/** The statement without leading comments. */
function withoutLeadingComments(text: string): string {
  return text.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/, '').trim();
}

/** Strings, quoted identifiers, comments, dollar quotes and words, which contain no parameter; or a parameter (group 1). */
const token =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(?:[A-Za-z_]\w*)?\$[\s\S]*?\$(?:[A-Za-z_]\w*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\$(\d+)/g;
