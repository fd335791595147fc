import type {BoundParameters, CapturedStatement, Field, Rows} from './capture-log.ts';

/** A statement prepared by Parse. */
export type Prepared = {
  text: string;
  declared: number[];
  inferred: number[] | null;
  fields: Field[] | null;
};

export type Portal = {
  prepared: Prepared;
  bound: BoundParameters;
  resultFormats: readonly number[];
  /** The portal's description, if the client asked for it. */
  fields: Field[] | null;
  /** Set at the first Execute; later ones fetch more of its rows. */
  statement: CapturedStatement | null;
  /** Why it cannot be replayed. */
  skipReason: string | null;
};

/** Messages the server has not answered yet, in order. */
export type Pending =
  | {kind: 'execute'; statement: CapturedStatement; portal: Portal}
  | {kind: 'query'; statement: CapturedStatement}
  | {kind: 'describe'; into: {fields: Field[] | null}; prepared: Prepared | null}
  | {kind: 'call'}
  | {kind: 'sync'};

export type Session = {
  connection: number;
  now_ms: number;
  segment: number;
  prepared: Map<string, Prepared>;
  portals: Map<string, Portal>;
  pending: Pending[];
  /** After an error the server discards messages until the next Sync (protocol-flow, extended query). */
  isSkipping: boolean;
  /** During COPY FROM STDIN the server ignores Sync. */
  isCopyingIn: boolean;
};

export function createSession(connection: number): Session {
  return {
    connection,
    now_ms: 0,
    segment: 0,
    prepared: new Map(),
    portals: new Map(),
    pending: [],
    isSkipping: false,
    isCopyingIn: false,
  };
}

export function beginStatement(
  {connection, segment, now_ms}: Session,
  own: {text: string; bound: BoundParameters | null; rows: Rows | null; skipReason: string | null},
): CapturedStatement {
  return {connection, segment, ...own, tags: [], started_ms: now_ms, ended_ms: null};
}
