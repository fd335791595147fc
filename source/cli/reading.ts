import type {ExitCode} from '../model/run.ts';
import type {Connection} from '../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../postgres/connect/request.ts';
import type {Flags} from './call/parse-call.ts';
import {connectToWatch, explainServerErrors, readSnapshot} from './connection.ts';
import type {CliContext} from './context.ts';
import {readRates} from './flag-values.ts';
import {catchInterrupts, raceInterrupt} from './interrupts.ts';

/** One whole reading, and where rates are wanted a second one. */
export async function runSnapshot(
  context: CliContext,
  request: ConnectionRequest,
  flags: Flags,
): Promise<ExitCode> {
  const {snapshot} = await import('../commands/snapshot/command.ts');
  const rates_over_ms = readRates(flags);
  return withConnection(context, request, flags, (connection, signal) =>
    snapshot(
      {read: options => readSnapshot(connection, {...options, signal}), output: context.output},
      {rates_over_ms},
    ),
  );
}

export async function runDoctor(
  context: CliContext,
  request: ConnectionRequest,
  flags: Flags,
): Promise<ExitCode> {
  const [{doctor}, {examine}] = await Promise.all([
    import('../commands/doctor/command.ts'),
    import('../postgres/server/doctor.ts'),
  ]);
  return withConnection(context, request, flags, (connection, signal) =>
    doctor(
      {
        examine: () => explainServerErrors(connection, raceInterrupt(examine(connection), signal)),
        output: context.output,
      },
      {json: flags.json ?? false},
    ),
  );
}

/** `work` on a connection that watches, closed whatever comes of it; ends early when interrupted. */
export async function withConnection(
  context: CliContext,
  request: ConnectionRequest,
  flags: Flags,
  work: (connection: Connection, signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const {signal, release} = catchInterrupts(context);
  let connection: Connection | null = null;
  try {
    connection = await connectToWatch(context, request, {flags, signal});
    return await work(connection, signal);
  } finally {
    await connection?.close();
    release();
  }
}
