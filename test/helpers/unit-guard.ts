import childProcess from 'node:child_process';
import {syncBuiltinESMExports} from 'node:module';
import net from 'node:net';

/** Fails a unit test that connects, listens or starts a process: it belongs to another tier (tiers.ts). */
function refuse(what: string): () => never {
  return () => {
    throw new Error(`a unit test may not ${what}: begin the file with "// tier: server"`);
  };
}

net.Socket.prototype.connect = refuse('open a connection');
net.Server.prototype.listen = refuse('listen');
// spawn, exec, execFile and fork all start here.
Object.assign(childProcess.ChildProcess.prototype, {spawn: refuse('start a process')});
childProcess.spawnSync = refuse('start a process');
childProcess.execFileSync = refuse('start a process');
childProcess.execSync = refuse('start a process');
syncBuiltinESMExports();
