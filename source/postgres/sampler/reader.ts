import {computeBudget, type SlotSettings} from '../../core/activity/budget.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {PgClient, RawPgClient} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import type {ConnectionRequest} from '../connect/request.ts';
import {poolerInBetween} from '../connect/request.ts';
import {type ActivityRow, activityQuery} from '../queries/activity.ts';
import {type LockWaitRow, lockWaitsQuery} from '../queries/lock-waits.ts';
import {pickVariant, type Query} from '../queries/query.ts';
import {
  type IndexBuildRow,
  indexBuildsQuery,
  type NameRow,
  namesQuery,
  type SlotSettingsRow,
  slotSettingsQuery,
} from '../queries/server.ts';
import {type Capabilities, readCapabilities, untrackedSessions, withServer} from '../server/capabilities.ts';
import {readServerProof, type ServerProof} from '../server/server-proof.ts';
import {isUndefined} from '../sqlstate.ts';
import {type Activity, createActivityReader} from './activity.ts';
import {createDatabasesReader} from './databases.ts';
import {toLockWaits} from './lock-waits.ts';
import {type Names, noNames, toNames} from './names.ts';
import {createPreparingClient, createReadingClient, createRunQuery, createSections} from './sections.ts';
import type {ServerPace, ServerStateReader} from './server-state.ts';
import {createStatementsReader, type StatementsReader, type StatementsRequest} from './statements-reader.ts';
import {createWaitSamplesReader, type WaitSamplesReader} from './wait-samples.ts';

/** The parts of a connection that reading needs. */
export type ReadableConnection = {
  client: PgClient;
  request: ConnectionRequest;
  server_version_num: number;
  parameters: Connection['parameters'];
  features: Connection['features'];
  is_pooled: boolean;
  marker: string;
};

/** What one round trip reads. */
export type ReadRequest = {
  /** Role, names and slot settings, which rarely change. The first read needs them. */
  catalogs: boolean;
  /** Which server answers, and whether in a session of poolctl's own. */
  server: boolean;
  /** Every session. */
  activity: boolean;
  databases: boolean;
  lock_waits: boolean;
  index_hits: boolean;
  index_builds: boolean;
  statements: StatementsRequest | null;
  /** What the Server view shows, which each snapshot has until it is dropped. */
  server_state: ServerPace | 'keep' | 'drop';
};

export const emptyRequest: ReadRequest = {
  catalogs: false,
  server: false,
  activity: false,
  databases: false,
  lock_waits: false,
  index_hits: false,
  index_builds: false,
  statements: null,
  server_state: 'keep',
};

export type Reader = {
  /** One round trip. Throws when the connection is gone or the sessions cannot be read. */
  read(request: ReadRequest): Promise<Snapshot>;
  /** Null while pg_stat_statements is not known to be readable. */
  statements(): StatementsReader | null;
  /** Of the statements with these keys, those whose texts to read. */
  missingTexts(keys: readonly string[]): string[];
  /** A part of what the Server view shows was not read yet. */
  lacksServerState(pace: ServerPace): boolean;
  hasLockWaits(): boolean;
  /** A role or database was created since the catalogs were read. */
  hasUnknownNames(): boolean;
  /** The standby that was read has become a primary, as PostgreSQL 14 and later report. */
  isPromoted(): boolean;
};

/** Reads one server over one connection, and keeps what rates and names need. The first request must include `catalogs`. */
export function createReader(connection: ReadableConnection, now: () => number): Reader {
  const {client} = connection;
  const preparing = createPreparingClient(createReadingClient(client, {...connection, now}), connection);
  const run = createRunQuery(preparing);
  const sections = createSections(connection, now);
  const activityReader = createActivityReader();
  const databases = createDatabasesReader(run, connection);
  const pick = (query: Query) => pickVariant(query, connection);

  let capabilities: Capabilities | null = null;
  let proof: ServerProof | null = null;
  /** Capabilities with the proof; null if one of them was read since. */
  let combined: Capabilities | null = null;
  let names: Names = noNames;
  let settings: SlotSettings | null = null;
  let activity: Activity | null = null;
  let cost: Snapshot['cost'] = {round_trip_ms: 0, response_bytes: 0};
  let indexBuilds: Snapshot['index_builds'] = [];
  let lockDetails = new Map<number, LockWaitRow>();
  let statements: StatementsReader | null = null;
  let serverState: ServerStateReader | null = null;
  let waitSamples: WaitSamplesReader | null = null;

  async function readCatalogs(): Promise<void> {
    const [found, roles, [slots]] = await Promise.all([
      readCapabilities(connection),
      run<NameRow>(pick(namesQuery)),
      run<SlotSettingsRow>(pick(slotSettingsQuery)),
    ]);
    names = toNames(roles);
    if (slots !== undefined) {
      const [max_connections, superuser_reserved_connections, reserved_connections] = slots;
      const {role_and_database_limits} = names;
      settings = {
        max_connections,
        superuser_reserved_connections,
        reserved_connections,
        role_and_database_limits,
      };
    }
    if (isExtensionChanged(capabilities, found)) {
      statements = openStatements(found);
      sections.forget('statements');
      sections.forget('statement_texts');
    }
    const schema = found.wait_sampling_schema;
    if (schema !== (capabilities?.wait_sampling_schema ?? null)) {
      waitSamples = schema === null ? null : createWaitSamplesReader(run, {schema, now});
      sections.forget('wait_samples');
    }
    capabilities = found;
    combined = null;
  }

  async function readServer(): Promise<void> {
    proof = await readServerProof(client, connection.marker);
    combined = null;
  }

  function openStatements({statements_schema: schema, target}: Capabilities): StatementsReader | null {
    const version = target.statements_version;
    return schema === null || version === null ? null : createStatementsReader(run, {schema, version});
  }

  /** Waits for the catalogs of the same round trip, whose names it needs. */
  async function readActivity(catalogs: Promise<void>): Promise<void> {
    const readRows = () => run<ActivityRow>(pick(activityQuery), [activityReader.knownSince_s()]);
    const [rows] = await Promise.all([readRows(), catalogs]);
    // Where a clock was set back, a session may seem unchanged that was never read.
    activity = activityReader.read(rows, names) ?? activityReader.read(await readRows(), names);
  }

  async function readIndexBuilds(): Promise<void> {
    const rows = await run<IndexBuildRow>(pick(indexBuildsQuery));
    indexBuilds = rows.map(([pid, phase, relation]) => ({pid, phase, relation}));
  }

  async function readLockWaits(): Promise<void> {
    const rows = await run<LockWaitRow>(pick(lockWaitsQuery));
    lockDetails = new Map(rows.map(row => [row[0], row]));
  }

  /** Sends every query before it awaits an answer: one round trip carries them all. */
  async function readAll(requested: ReadRequest): Promise<void> {
    const {stream} = (client as RawPgClient).connection;
    // One write for all queries, instead of several for each.
    stream.cork();
    const answers = send(requested);
    stream.uncork();
    // All are awaited even when one fails, so that none rejects unhandled.
    const failed = (await Promise.allSettled(answers)).find(part => part.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  function send(request: ReadRequest): Promise<void>[] {
    const catalogs = request.catalogs ? readCatalogs() : Promise.resolve();
    const sessions = request.activity ? readActivity(catalogs) : Promise.resolve();
    const {statements: statementsRequest} = request;
    const open = statements;
    const parts: Promise<void>[] = [catalogs, sessions];
    // What a process waited for some time ago says nothing about its next wait.
    if (request.activity && !request.lock_waits) lockDetails = new Map();
    // Right after the sessions, which make poolctl's own commits visible.
    const databasesRead = request.databases
      ? sections.attempt('databases', () => databases.read(sessions.then(() => activity?.at_ms ?? 0)))
      : Promise.resolve();
    parts.push(databasesRead);
    if (request.server) parts.push(readServer());
    const samples = waitSamples;
    if (request.activity && samples !== null) parts.push(sections.attempt('wait_samples', samples.read));
    if (request.lock_waits) parts.push(sections.attempt('lock_waits', readLockWaits));
    if (request.index_hits)
      parts.push(sections.attempt('index_hits', () => databases.readIndexHits(databasesRead)));
    if (isPace(request.server_state) && serverState !== null)
      parts.push(...serverState.read(request.server_state));
    if (request.index_builds) parts.push(sections.attempt('index_builds', readIndexBuilds));
    if (statementsRequest !== null && open !== null) {
      const {numbers, texts} = statementsRequest;
      if (numbers) parts.push(sections.attempt('statements', () => open.readNumbers(names)));
      if (texts !== null) parts.push(sections.attempt('statement_texts', () => open.readTexts(texts)));
    }
    return parts;
  }

  function compose(): Snapshot {
    if (activity === null || settings === null || capabilities === null) {
      throw new Error('the server answered without its sessions or settings');
    }
    const {sessions, isOwn, at, background_workers} = activity;
    combined ??= proof === null ? capabilities : withServer(capabilities, proof);
    const {target} = combined;
    return {
      schema_version: 1,
      at,
      target,
      budget: computeBudget(settings, sessions, isOwn),
      backends: sessions.filter(session => !isOwn(session)),
      background_workers,
      statements: statements?.statements() ?? [],
      statements_info: statements?.info() ?? null,
      index_builds: indexBuilds,
      lock_waits: toLockWaits(at, sessions, background_workers, lockDetails),
      databases: databases.databases(),
      ...(waitSamples !== null &&
        !sections.isPaused('wait_samples') && {wait_samples: waitSamples.samples()}),
      ...(serverState !== null && {server: serverState.state(activity.background_workers)}),
      unavailable: [
        ...(connection.is_pooled || !combined.is_own_session ? [poolerInBetween] : []),
        ...combined.unavailable,
        ...untrackedSessions(sessions, target),
        ...sections.unavailable(),
      ],
      cost,
    };
  }

  return {
    async read(requested) {
      if (requested.server_state === 'drop') serverState = null;
      if (isPace(requested.server_state) && serverState === null) {
        // Loaded late: the first frame does not need it.
        const {createServerStateReader} = await import('./server-state.ts');
        serverState = createServerStateReader({...connection, client: preparing}, sections, now);
      }
      const started = now();
      const bytesBefore = bytesRead(client);
      const wasAsked = connection.features !== null;
      try {
        await readAll(requested);
      } catch (error) {
        // By its version the server should have what it lacks: now it is known what it has.
        if (wasAsked || !isUndefined((error as {code?: unknown}).code)) throw error;
        await readAll(requested);
      }
      const own = {round_trip_ms: now() - started, response_bytes: bytesRead(client) - bytesBefore};
      // What is read later for the same sessions is of the same snapshot: it does not hide how long they took.
      cost = requested.activity
        ? own
        : {
            round_trip_ms: Math.max(cost.round_trip_ms, own.round_trip_ms),
            response_bytes: cost.response_bytes + own.response_bytes,
          };
      return compose();
    },
    statements: () => statements,
    missingTexts: keys =>
      sections.isPaused('statement_texts') ? [] : (statements?.missingTexts(keys) ?? []),
    lacksServerState: pace => serverState?.lacks(pace) ?? true,
    hasLockWaits: () => activity?.has_lock_waits ?? false,
    hasUnknownNames: () => activity?.has_unknown_names ?? false,
    isPromoted: () =>
      capabilities?.target.is_in_recovery === true && connection.parameters.get('in_hot_standby') === 'off',
  };
}

function isPace(requested: ReadRequest['server_state']): requested is ServerPace {
  return requested !== 'keep' && requested !== 'drop';
}

/** pg_stat_statements was installed, dropped, updated or moved to another schema: its queries differ. */
function isExtensionChanged(before: Capabilities | null, after: Capabilities): boolean {
  return (
    before?.statements_schema !== after.statements_schema ||
    before?.target.statements_version !== after.target.statements_version
  );
}

/** From the network, TLS included. */
function bytesRead(client: PgClient): number {
  return (client as RawPgClient).connection.stream.bytesRead;
}
