import type {ExitCode} from '../model/run.ts';
import type {Connection} from '../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../postgres/connect/request.ts';
import type {Flags} from './call/parse-call.ts';
import {connectToWatch, explained, readFrom} from './connection.ts';
import type {Shell} from './context.ts';
import {ratesOf} from './flag-values.ts';
import {takeInterrupts, untilInterrupted} from './interrupts.ts';

/** One whole reading, and where rates are wanted a second one. */
export async function runSnapshot(shell: Shell, request: ConnectionRequest, flags: Flags): Promise<ExitCode> {
  const {snapshot} = await import('../commands/snapshot/command.ts');
  const rates_over_ms = ratesOf(flags);
  return withConnection(shell, request, flags, (connection, signal) =>
    snapshot(
      {read: options => readFrom(connection, {...options, signal}), output: shell.output},
      {rates_over_ms},
    ),
  );
}

export async function runDoctor(shell: Shell, request: ConnectionRequest, flags: Flags): Promise<ExitCode> {
  const [{doctor}, {examine}] = await Promise.all([
    import('../commands/doctor/command.ts'),
    import('../postgres/server/doctor.ts'),
  ]);
  return withConnection(shell, request, flags, (connection, signal) =>
    doctor(
      {
        examine: () => explained(connection, untilInterrupted(examine(connection), signal)),
        output: shell.output,
      },
      {json: flags.json ?? false},
    ),
  );
}

/** `work` on a connection that watches, closed whatever comes of it; ends early when interrupted. */
export async function withConnection(
  shell: Shell,
  request: ConnectionRequest,
  flags: Flags,
  work: (connection: Connection, signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const {signal, release} = takeInterrupts(shell);
  let connection: Connection | null = null;
  try {
    connection = await connectToWatch(shell, request, {flags, signal});
    return await work(connection, signal);
  } finally {
    await connection?.close();
    release();
  }
}
