import type {Configuration} from '../../../source/core/configuration.ts';
import {type LocateFlags, locate} from '../../../source/postgres/connect/locate.ts';
import type {Machine} from '../../../source/postgres/connect/machine.ts';
import type {ConnectionRequest} from '../../../source/postgres/connect/request.ts';

type File = string | {text: string; mode: number};

export type MachineSetup = {
  url?: string;
  flags?: LocateFlags;
  env?: Record<string, string>;
  files?: Record<string, File>;
  configuration?: Configuration;
};

export function machineOf({env = {}, files = {}}: MachineSetup): Machine {
  return {
    env,
    cwd: '/app',
    home: '/home/ann',
    os_user: 'ann',
    platform: 'linux',
    readFile: path => {
      const file = files[path];
      return file === undefined ? null : typeof file === 'string' ? file : file.text;
    },
    fileMode: path => {
      const file = files[path];
      return file === undefined ? null : typeof file === 'string' ? 0o100600 : file.mode;
    },
  };
}

export function find(given: MachineSetup): ConnectionRequest {
  return locate({
    url: given.url,
    flags: given.flags ?? {},
    machine: machineOf(given),
    configuration: given.configuration ?? null,
  });
}

/** What most rows check: `user:password@host:port/database`, and where it was found. */
export function summary(request: ConnectionRequest): string {
  const {user, host, port, database, source} = request;
  return `${user}:${request.password() ?? ''}@${host}:${port}/${database} from ${source}`;
}
