import {nameServer} from '../../core/server/server-identity.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';
import {counted} from '../../core/text/format.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import type {DoctorCheck, Target} from '../../model/target.ts';
import {advice, type Fix, grantNote, missing, ok, setting} from './doctor-results.ts';
import {statementsNotes, suggestPreload, suggestSetting, uncountedBy} from './managed-service.ts';

export type DoctorInput = {target: Target; data: DoctorData; unavailable: Unavailable[]};

/** Read from pg_settings, in its base units; null for a setting that the server lacks or hides from this role. */
export const settingNames = [
  'track_activities',
  'track_counts',
  'compute_query_id',
  'track_io_timing',
  'track_activity_query_size',
  'reserved_connections',
  'superuser_reserved_connections',
  'shared_preload_libraries',
  'pg_stat_statements.track',
] as const;

export type DoctorData = {
  /** Of the session, as a pooler may choose another than the address's. */
  role: string;
  settings: Record<(typeof settingNames)[number], string | null>;
  /** The server computed a query_id for this query; null before PostgreSQL 14. */
  has_query_id: boolean | null;
  /** Whether this role may use the schema of pg_stat_statements; null if that is not installed. */
  statements_schema_usage: boolean | null;
  statements_schema: string | null;
  /** pg_has_role of pg_use_reserved_connections; null before PostgreSQL 16. */
  may_use_reserved: boolean | null;
  /** Of this database, without the system's. */
  tables: number;
  /** Those this role may not read, so that it cannot EXPLAIN their statements. */
  unreadable_tables: number;
  /** The schemas of the unreadable tables. */
  unreadable_schemas: string[];
  sequences: number;
  /** Those whose last value this role may not read; pg_monitor does not suffice. */
  unreadable_sequences: number;
  unreadable_sequence_schemas: string[];
};

/** The checks of a target, in the order in which to fix them. Pure. */
export function checkTarget(input: DoctorInput): DoctorCheck[] {
  return [
    ...server(input),
    sessions(input),
    tracking(input),
    signal(input),
    statements(input),
    queryId(input),
    plans(input),
    ...sequences(input),
    reservedSlots(input),
    ioTiming(input),
    querySize(input),
    ...standby(input),
  ];
}

/** The identity by which a plan, an approval and an undo recognize the server. */
function server({target, unavailable}: DoctorInput): DoctorCheck[] {
  if (target.server === undefined) return [];
  const id = 'server';
  const hidden = unavailable.find(({section}) => section === id);
  if (hidden !== undefined)
    return [missing(id, hidden.reason, {remedy: hidden.remedy, note: grantNote(target)})];
  return [ok(id, `${nameServer(target.server)}, database oid ${target.server.database_oid}`)];
}

function sessions({target, data, unavailable}: DoctorInput): DoctorCheck {
  const {read_all_stats, is_superuser} = target.privileges;
  if (read_all_stats || is_superuser)
    return ok('sessions', "every role's sessions and statements are visible");
  return missing('sessions', "other roles' states, statements and addresses are hidden", {
    remedy:
      unavailable.find(({section}) => section === 'backends')?.remedy ??
      `GRANT pg_monitor TO ${quoteIdentifier(data.role)};`,
    note: grantNote(target),
  });
}

const tracked = [
  {name: 'track_activities', lacks: 'no session shows what it does'},
  {name: 'track_counts', lacks: 'scans and writes are not counted, and autovacuum does not run'},
] as const;

function tracking({target, data}: DoctorInput): DoctorCheck {
  const off = tracked.filter(({name}) => data.settings[name] === 'off');
  const [first] = off;
  if (first === undefined) return ok('tracking', 'the server tracks what sessions do');
  return {
    ...setting(target, 'tracking', {
      status: 'missing',
      detail: off.map(({name, lacks}) => `${name} is off: ${lacks}`).join('; '),
      name: first.name,
      value: 'on',
      needs_restart: false,
    }),
    remedy: off
      .map(({name}) => suggestSetting(target.managed_service, {name, value: 'on', needs_restart: false}))
      .join(' '),
  };
}

function signal({target, data}: DoctorInput): DoctorCheck {
  const {is_superuser, signal_backend} = target.privileges;
  if (is_superuser) return ok('signal', 'may cancel and terminate every session');
  if (signal_backend) {
    return ok(
      'signal',
      'may cancel and terminate sessions',
      "Except superusers' sessions, which need a superuser.",
    );
  }
  return missing('signal', "may cancel and terminate only its own role's sessions", {
    remedy: `GRANT pg_signal_backend TO ${quoteIdentifier(data.role)};`,
    note: grantNote(target),
  });
}

function statements({target, data, unavailable}: DoctorInput): DoctorCheck {
  const id = 'statements';
  const note = target.managed_service === null ? null : statementsNotes[target.managed_service];
  const missingPart = unavailable.find(({section}) => section === id);
  const {statements_schema: schema, settings} = data;
  const track = settings['pg_stat_statements.track'];
  if (missingPart !== undefined && track === null) {
    return preload(settings.shared_preload_libraries, target, schema !== null);
  }
  if (missingPart !== undefined) return missing(id, missingPart.reason, {remedy: missingPart.remedy, note});
  if (schema !== null && data.statements_schema_usage === false) {
    return missing(
      id,
      `pg_stat_statements is in schema ${quoteIdentifier(schema)}, which this role may not use`,
      {
        remedy: `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${quoteIdentifier(data.role)};`,
      },
    );
  }
  const uncounted = uncountedBy(target.managed_service, {compute_query_id: settings.compute_query_id, track});
  if (uncounted.length > 0) {
    const reasons = uncounted.map(({reason}) => reason).join('; ');
    return missing(id, reasons, {remedy: uncounted.map(({remedy}) => remedy).join(' ')});
  }
  return ok(id, `pg_stat_statements ${target.statements_version} counts what every statement costs`);
}

function preload(libraries: string | null, {managed_service}: Target, isInstalled: boolean): DoctorCheck {
  const create = isInstalled ? '' : ', then CREATE EXTENSION pg_stat_statements;';
  return {
    ...missing('statements', 'pg_stat_statements is not loaded by the server: no statement has counters', {
      remedy: `${suggestPreload(managed_service, libraries)}${create}`,
      note: managed_service === null ? null : statementsNotes[managed_service],
    }),
    needs_restart: true,
  };
}

function queryId({target, data}: DoctorInput): DoctorCheck {
  if (data.has_query_id === null) {
    return ok('query_id', 'this version does not give sessions a query_id', 'PostgreSQL 14 and later do.');
  }
  if (data.has_query_id) return ok('query_id', 'sessions carry the query_id of their statement');
  return setting(target, 'query_id', {
    status: 'advice',
    detail: 'no query_id is computed: sessions cannot be matched to statements',
    name: 'compute_query_id',
    // As it is by default: on as soon as a library wants it.
    value: data.settings['pg_stat_statements.track'] === null ? 'on' : 'auto',
    needs_restart: false,
  });
}

/** EXPLAIN executes nothing but needs the privilege to read. */
function plans(input: DoctorInput): DoctorCheck {
  const {role, tables, unreadable_tables: unreadable, unreadable_schemas} = input.data;
  if (unreadable === 0) return ok('plans', "can show the plans of this database's statements");
  const schemas = unreadable_schemas.map(quoteIdentifier).join(', ');
  const to = `TO ${quoteIdentifier(role)};`;
  const before14 = `GRANT USAGE ON SCHEMA ${schemas} ${to} GRANT SELECT ON ALL TABLES IN SCHEMA ${schemas} ${to}`;
  const detail = `may not read ${unreadable} of ${counted(tables, 'table')}, so their statements have no plans`;
  return advice('plans', detail, readGrant(input, before14));
}

/** pg_sequence_last_value() needs SELECT or USAGE on the sequence, which pg_monitor does not have. */
function sequences(input: DoctorInput): DoctorCheck[] {
  const {role, sequences: all, unreadable_sequences: unreadable, unreadable_sequence_schemas} = input.data;
  if (unreadable === 0) return [];
  const schemas = unreadable_sequence_schemas.map(quoteIdentifier).join(', ');
  const before14 = `GRANT SELECT ON ALL SEQUENCES IN SCHEMA ${schemas} TO ${quoteIdentifier(role)};`;
  const detail = `may not read ${unreadable} of ${counted(all, 'sequence')}: it cannot see that one reaches its end`;
  return [advice('sequences', detail, readGrant(input, before14))];
}

/** pg_read_all_data came with PostgreSQL 14. */
function readGrant({target, data}: DoctorInput, before14: string): Fix {
  const remedy =
    target.server_version_num >= 140_000
      ? `GRANT pg_read_all_data TO ${quoteIdentifier(data.role)};`
      : before14;
  return {remedy, note: grantNote(target)};
}

function reservedSlots({target, data}: DoctorInput): DoctorCheck {
  const id = 'reserved_slots';
  const reserved = Number(data.settings.reserved_connections ?? 0);
  const forSuperusers = Number(data.settings.superuser_reserved_connections ?? 0);
  const connects = 'can connect when every ordinary slot is taken';
  if (target.privileges.is_superuser && forSuperusers > 0) return ok(id, connects);
  if (target.privileges.reserved_slots && reserved > 0) return ok(id, connects);
  const rescue = 'Or set POOLCTL_RESCUE_URL to a role that can.';
  if (data.may_use_reserved === null || target.privileges.is_superuser) {
    const needed = 'only a superuser can connect when every ordinary slot is taken';
    return advice(id, needed, {
      remedy: 'POOLCTL_RESCUE_URL=postgres://SUPERUSER@...',
      note: grantNote(target),
    });
  }
  const grant = target.privileges.reserved_slots
    ? null
    : `GRANT pg_use_reserved_connections TO ${quoteIdentifier(data.role)};`;
  const setAside =
    reserved > 0
      ? null
      : suggestSetting(target.managed_service, {
          name: 'reserved_connections',
          value: '3',
          needs_restart: true,
        });
  return {
    ...advice(id, 'cannot connect when every ordinary slot is taken', {
      remedy: [grant, setAside].filter(part => part !== null).join(' '),
      note: rescue,
    }),
    needs_restart: setAside !== null,
  };
}

function ioTiming({target, data}: DoctorInput): DoctorCheck {
  if (data.settings.track_io_timing !== 'off')
    return ok('io_timing', 'the server times its reads and writes');
  return setting(target, 'io_timing', {
    status: 'advice',
    detail: 'track_io_timing is off: statements have no read and write times',
    name: 'track_io_timing',
    value: 'on',
    needs_restart: false,
  });
}

function querySize({target, data}: DoctorInput): DoctorCheck {
  const bytes = Number(data.settings.track_activity_query_size ?? 0);
  if (bytes >= recommendedQueryBytes)
    return ok('query_size', `sessions show ${bytes} bytes of their statement`);
  return setting(target, 'query_size', {
    status: 'advice',
    detail: `sessions show ${bytes} bytes of their statement: Prisma's comments, which come last, are cut off`,
    name: 'track_activity_query_size',
    value: String(recommendedQueryBytes),
    needs_restart: true,
  });
}

/** A SELECT of Prisma's on a wide table, with the comment after it. */
const recommendedQueryBytes = 4096;

function standby({target}: DoctorInput): DoctorCheck[] {
  if (!target.is_in_recovery) return [];
  return [
    ok(
      'standby',
      'this is a standby',
      'Sessions here can be ended; settings and roles are changed on the primary.',
    ),
  ];
}
