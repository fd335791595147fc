import type {Bound, CapturedStatement, Rows} from './capture-log.ts';
import {
  mayHoldSecret,
  splitStatements,
  withDeclaredTypes,
  withoutComments,
  withoutTrace,
} from './statement-text.ts';
import {decodeValue, isKeyType, type Value} from './values.ts';

/** The rows of a result whose values later statements may have as parameters. */
export type Source = {columns: readonly string[]; rows: readonly (readonly (string | null | undefined)[])[]};

/** Captured statements as a tree, with the pauses between them. */
export type Timed =
  | {
      kind: 'statement';
      text: string;
      values: readonly Value[];
      /** Its result; null where it is not known completely. */
      result: Source | null;
      /** Pause before it, in which the application had nothing running on the server. */
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

/** What a connection ran as one: a statement, statements sent with one Sync, or a transaction. */
export type Unit = {node: Timed; connection: number; started_ms: number; ended_ms: number};

export type Units = {
  units: Unit[];
  /** Statements in them, BEGIN and COMMIT included. */
  statements: number;
  /** Statements that cannot be replayed: reason and count. */
  skipped: Map<string, number>;
};

/** The units of all connections, in the order they began. */
export function unitsOf(recorded: readonly CapturedStatement[]): Units {
  const skipped = new Map<string, number>();
  const builders = new Map<number, ReturnType<typeof createUnits>>();
  let statements = 0;
  for (const each of recorded) {
    const reason = reasonOf(each);
    if (reason !== null) {
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      continue;
    }
    const builder = builders.get(each.connection) ?? createUnits(each.connection);
    builders.set(each.connection, builder);
    for (const atom of atomsOf(each)) {
      statements++;
      builder.add(atom);
    }
  }
  const units = [...builders.values()].flatMap(builder => builder.end());
  return {units: units.sort((a, b) => a.started_ms - b.started_ms), statements, skipped};
}

type Atom = {
  text: string;
  tag: string;
  segment: number;
  values: Value[];
  result: Source | null;
  started_ms: number;
  ended_ms: number;
};

function atomsOf(statement: CapturedStatement): Atom[] {
  const {text, bound, tags, segment, started_ms} = statement;
  const all = splitStatements(text).map(withoutTrace);
  const texts = bound === null ? all : all.slice(0, 1);
  const ended_ms = statement.ended_ms ?? started_ms;
  return texts.map((each, index) => ({
    text: bound === null ? each : withDeclaredTypes(each, bound.declared),
    // Rules may complete without a tag of their own; the tags then cannot be matched to statements.
    tag: texts.length === tags.length ? (tags[index] ?? '') : '',
    segment,
    values: bound === null ? [] : valuesOf(bound),
    result: texts.length === 1 ? sourceOf(statement.rows, tags[0] ?? '') : null,
    started_ms: index === 0 ? started_ms : ended_ms,
    ended_ms,
  }));
}

/** Why a statement cannot be replayed; null: it can. */
function reasonOf({skipReason, ended_ms, text}: CapturedStatement): string | null {
  if (skipReason !== null) return skipReason;
  if (splitStatements(text).some(mayHoldSecret)) return 'may hold a password';
  return ended_ms === null ? 'still running when the capture ended' : null;
}

function valuesOf({declared, inferred, formats, values}: Bound): Value[] {
  return values.map((value, index) =>
    decodeValue(value, formatOf(formats, index), declared[index] || (inferred?.[index] ?? 0)),
  );
}

/** Format 0 text, 1 binary. No format: all are text; one: it holds for all (protocol-message-formats, Bind). */
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

type Open = {body: Timed[]; started_ms: number; ended_ms: number};

/** Splits the statements of a connection into units; from BEGIN to its end is one. */
function createUnits(connection: number) {
  const units: (Unit & {segment: number})[] = [];
  let open: Open | null = null;

  const close = ({started_ms, ended_ms}: Atom, {body, ...since}: Open) => {
    const trailing_ms = Math.max(started_ms - since.ended_ms, 0);
    const node = {kind: 'transaction', body, think_ms: 0, trailing_ms} as const;
    units.push({node, connection, segment: -1, started_ms: since.started_ms, ended_ms});
    open = null;
  };
  const addTo = (transaction: Open, atom: Atom) => {
    transaction.body.push(nodeOf(atom, atom.started_ms - transaction.ended_ms));
    transaction.ended_ms = Math.max(transaction.ended_ms, atom.ended_ms);
  };
  const addAlone = (atom: Atom) => {
    const {segment, started_ms, ended_ms} = atom;
    const last = units.at(-1);
    if (last === undefined || last.segment !== segment) {
      units.push({node: nodeOf(atom, 0), connection, segment, started_ms, ended_ms});
      return;
    }
    // Sent with one Sync: they run in sequence on this connection, whatever other connections do meanwhile.
    const body = last.node.kind === 'group' ? last.node.body : [last.node];
    last.node = {kind: 'group', body: [...body, nodeOf(atom, 0)], think_ms: 0, trailing_ms: 0};
    last.ended_ms = ended_ms;
  };

  return {
    add(atom: Atom): void {
      const bare = withoutComments(atom.text);
      const isEnd = atom.tag === 'COMMIT' || (atom.tag === 'ROLLBACK' && !/\bto\b/i.test(bare));
      if (open === null) {
        if (isBegin(atom)) open = begin(atom, bare);
        else if (!isEnd) addAlone(atom);
        return;
      }
      if (!isEnd) {
        if (!isBegin(atom)) addTo(open, atom);
        return;
      }
      // A transaction that was rolled back is rolled back in the replay too.
      if (/^(rollback|abort)/i.test(bare)) addTo(open, {...atom, text: 'ROLLBACK', values: []});
      close(atom, open);
      if (/\band\s+chain\b/i.test(bare))
        open = {body: [], started_ms: atom.ended_ms, ended_ms: atom.ended_ms};
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

function isBegin({tag}: Atom): boolean {
  return tag === 'BEGIN' || tag === 'START TRANSACTION';
}

/** `BEGIN ISOLATION LEVEL SERIALIZABLE` is BEGIN and SET TRANSACTION in an endpoint file. */
function begin({started_ms, ended_ms}: Atom, text: string): Open {
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

function nodeOf({text, values, result}: Atom, think_ms: number): Timed {
  return {kind: 'statement', text, values, result, think_ms: Math.max(think_ms, 0)};
}
