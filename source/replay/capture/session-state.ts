import type {Bound, Field, Recorded, Rows} from './recording.ts';

/** A statement that the client has prepared, by Parse. */
export type Prepared = {
  text: string;
  declared: number[];
  inferred: number[] | null;
  fields: Field[] | null;
};

export type Portal = {
  prepared: Prepared;
  bound: Bound;
  resultFormats: readonly number[];
  /** The portal's own description, where it was asked for. */
  fields: Field[] | null;
  /** Executed at least once: what is fetched later belongs to it. */
  statement: Recorded | null;
  /** Why it cannot be replayed. */
  leftOut: string | null;
};

/** What the server has yet to answer, in the order in which it will. */
export type Pending =
  | {kind: 'execute'; statement: Recorded; portal: Portal}
  | {kind: 'query'; statement: Recorded}
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
  /** An error came: up to the next Sync the server runs nothing (extended query protocol). */
  isSkipping: boolean;
  /** The client sends rows: the server ignores a Sync among them. */
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
  own: {text: string; bound: Bound | null; rows: Rows | null; leftOut: string | null},
): Recorded {
  return {connection, segment, ...own, tags: [], started_ms: now_ms, ended_ms: null};
}
