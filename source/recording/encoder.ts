import {brotliDecompressSync, constants, createBrotliCompress} from 'node:zlib';
import {withStatementRates} from '../core/activity/rates.ts';
import {usageError} from '../core/errors.ts';
import {jsonText} from '../core/text/json.ts';
import type {ReadFailure, RecordedSnapshot} from '../model/ports.ts';
import type {Severity} from '../model/recipe.ts';
import type {Snapshot, Statement, StatementRates} from '../model/snapshot.ts';
import {createDiff} from './diff.ts';
import type {Frame} from './frames.ts';
import {apply, emptyPacked, type Patch, type Row, unpack} from './packed.ts';

export type Encoder = {
  /** Encodes one snapshot. Call again only after the previous call has resolved. */
  encode(snapshot: RecordedSnapshot, severity: Severity | null): Promise<Frame>;
  /** Starts a new group with the next snapshot. */
  restart(): void;
};

/** At a 2 s interval, seeking decodes at most four minutes, and a damaged frame loses at most as much. */
const groupLength = 120;

/**
 * Encodes snapshots as frames. A frame contains the changes since the previous snapshot. A group of frames is one
 * Brotli stream, flushed after each frame, so repeated text costs little and every complete frame is readable.
 */
export function createEncoder({
  statementsEvery_ms = defaultStatementsEvery_ms,
}: EncoderOptions = {}): Encoder {
  let diff = createDiff();
  let track = emptyTrack;
  let stream: TextStream | null = null;
  let count = 0;
  let counted_at: string | undefined;
  let began_ms: number | null = null;
  return {
    async encode(snapshot, severity) {
      const isKey = stream === null || count >= groupLength || snapshot.at < diff.at();
      if (stream === null || isKey) {
        stream?.close();
        stream = openStream();
        diff = createDiff();
        count = 0;
      }
      const isReadAgain = counted_at === undefined || snapshot.statements_info?.at !== counted_at;
      began_ms ??= Date.parse(snapshot.at);
      const isBrief = Date.parse(snapshot.at) - began_ms < briefRecordingMs;
      const hasStatements = isReadAgain && isDue(track, snapshot, isBrief ? 0 : statementsEvery_ms);
      if (hasStatements) track = advance(track, snapshot);
      const statements = hasStatements || isKey ? track.statements : null;
      if (hasStatements) counted_at = snapshot.statements_info?.at;
      const patch = diff.next(countedAt(snapshot, counted_at), statements);
      count++;
      const line: Patch = {
        ...patch,
        ...(hasStatements && {has_statements: true}),
        ...(isKey && groupStart(track)),
      };
      const payload = await stream.write(`${jsonText(line)}\n`);
      return {kind: isKey ? 'key' : 'delta', at_ms: Date.parse(snapshot.at), severity, payload};
    },
    restart() {
      stream?.close();
      stream = null;
    },
  };
}

/** The snapshot with the time of the counters that are recorded, not of those that were read since. */
function countedAt(snapshot: RecordedSnapshot, at: string | undefined): RecordedSnapshot {
  const {statements_info} = snapshot;
  if (statements_info === null || at === undefined) return snapshot;
  return {...snapshot, statements_info: {...statements_info, at}};
}

/** A frame for a failed read of the server. */
export function failureFrame({at_ms, message}: ReadFailure): Frame {
  return {kind: 'lost', at_ms, severity: null, payload: Buffer.from(message)};
}

export function readFailure({at_ms, payload}: Frame): ReadFailure {
  return {at_ms, message: payload.toString('utf8')};
}

/** A hundred times the size of a group with 500 sessions; bounds what a crafted file can decompress to. */
const maxGroupBytes = 256 * 1024 * 1024;

/** The snapshots of a group, complete or truncated. Throws AbortError (exit 2) if it cannot be decoded. */
export function decodeGroup(frames: readonly Frame[]): RecordedSnapshot[] {
  try {
    return unpackGroup(frames);
  } catch (error) {
    throw usageError(
      `the snapshots from ${new Date(frames[0]?.at_ms ?? 0).toISOString()} on cannot be decoded`,
      'The recording is damaged, or was not written by poolctl.',
      error,
    );
  }
}

function unpackGroup(frames: readonly Frame[]): RecordedSnapshot[] {
  const text = brotliDecompressSync(Buffer.concat(frames.map(({payload}) => payload)), {
    // A group's stream has no end: it may continue, or its writer was killed.
    finishFlush: constants.BROTLI_OPERATION_FLUSH,
    maxOutputLength: maxGroupBytes,
  }).toString('utf8');
  let packed = emptyPacked;
  let track = emptyTrack;
  return text
    .split('\n')
    .slice(0, frames.length)
    .map(line => {
      const patch = currentPatch(JSON.parse(line) as Patch);
      packed = apply(packed, patch);
      const snapshot = unpack(packed);
      if (patch.rates !== undefined) track = trackAtStart(snapshot, patch.rates, patch.statements_at_ms ?? 0);
      else if (patch.has_statements) track = advance(track, snapshot);
      return {...snapshot, statements: [...track.statements]};
    });
}

/** What a group needs from the groups before it. */
function groupStart({at_ms, statements}: StatementTrack): Pick<Patch, 'statements_at_ms' | 'rates'> {
  return {statements_at_ms: at_ms, rates: statements.map(({rates}) => rates ?? null)};
}

function trackAtStart(
  snapshot: Snapshot,
  rates: readonly (StatementRates | null)[],
  at_ms: number,
): StatementTrack {
  const statements = snapshot.statements.map((statement, index) => {
    const own = rates[index];
    return own ? {...statement, rates: own} : statement;
  });
  return {at_ms, statements, stats_reset: snapshot.statements_info?.stats_reset ?? null};
}

type TextStream = {write(text: string): Promise<Buffer>; close(): void};

function openStream(): TextStream {
  const brotli = createBrotliCompress({
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 5,
      [constants.BROTLI_PARAM_LGWIN]: 20,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    },
  });
  let pieces: Buffer[] = [];
  brotli.on('data', (piece: Buffer) => pieces.push(piece));
  return {
    write(text) {
      pieces = [];
      return new Promise((resolve, reject) => {
        brotli.once('error', reject);
        brotli.write(text);
        brotli.flush(constants.BROTLI_OPERATION_FLUSH, () => {
          brotli.off('error', reject);
          resolve(Buffer.concat(pieces));
        });
      });
    },
    close: () => brotli.destroy(),
  };
}

export type EncoderOptions = {
  /** Least time between two recorded readings of the statements' counters, which are most of what changes; 5,000 by default. */
  statementsEvery_ms?: number;
};

/** A recording that ends before this has the counters of all of its readings: as a baseline it lacks no call. */
export const briefRecordingMs = 60_000;

/** `poolctl record` reads them every 8 s (sampler/schedule.ts): a recording has all that was assessed while it was made. */
const defaultStatementsEvery_ms = 5000;

/** The statements recorded last, with their rates. */
type StatementTrack = {at_ms: number; stats_reset: string | null; statements: readonly Statement[]};

const emptyTrack: StatementTrack = {
  at_ms: Number.NEGATIVE_INFINITY,
  stats_reset: null,
  statements: [],
};

/** Whether a snapshot's statements are recorded, or the previous ones are kept. */
function isDue({at_ms, statements}: StatementTrack, snapshot: Snapshot, every_ms: number): boolean {
  const isFresh = statements.every(({rates}) => rates === undefined);
  return isFresh || Math.abs(Date.parse(snapshot.at) - at_ms) >= every_ms;
}

/** Computes rates from the counters; used when encoding and decoding, so that rates are not stored. */
function advance(track: StatementTrack, snapshot: Snapshot): StatementTrack {
  const current = {
    at_ms: Date.parse(snapshot.at),
    stats_reset: snapshot.statements_info?.stats_reset ?? null,
    statements: snapshot.statements,
    is_complete: false,
  };
  return {...current, statements: withStatementRates({...track, is_complete: false}, current)};
}

/** Members that recordings of poolctl 0.1 have under another name. */
const renamedBudget: Record<string, string> = {own_limits: 'role_and_database_limits'};
const renamedSnapshot: Record<string, string> = {told_by_facts: 'fact_findings'};

/** A patch as this version writes it, whichever version wrote it. */
function currentPatch(patch: Patch): Patch {
  const {rest, tables} = patch;
  const rows = tables?.budget?.rows?.map(([index, changed, removed = []]): [number, Row, string[]] => [
    index,
    renamed(changed, renamedBudget),
    removed.map(name => renamedBudget[name] ?? name),
  ]);
  return {
    ...patch,
    ...(rest !== undefined && {rest: renamed(rest, renamedSnapshot)}),
    ...(tables !== undefined &&
      rows !== undefined && {tables: {...tables, budget: {...tables.budget, rows}}}),
  };
}

function renamed(row: Row, names: Record<string, string>): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [names[name] ?? name, value]));
}
