// Loaded into poolctl by `--import`. On SIGUSR1 it collects garbage and writes to BENCH_WATCHED_FILE: the bytes then in
// use, how long the loop was blocked since the signal before, and the bytes from and to the server since the start.
import {renameSync, writeFileSync} from 'node:fs';
import {Socket} from 'node:net';
import {monitorEventLoopDelay} from 'node:perf_hooks';
import process from 'node:process';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';

const sockets = [];
const {connect} = Socket.prototype;
Socket.prototype.connect = function (...to) {
  sockets.push(this);
  return connect.apply(this, to);
};
const resolution_ms = 5;
const delay = monitorEventLoopDelay({resolution: resolution_ms});
delay.enable();

process.on('SIGUSR1', () => {
  const blocked = {p99: delay.percentile(99) / 1e6 - resolution_ms, max: delay.max / 1e6 - resolution_ms};
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const report = {
    ...process.memoryUsage(),
    loop_blocked_ms: blocked,
    wire_bytes: sockets.reduce((sum, each) => sum + each.bytesRead + each.bytesWritten, 0),
  };
  const file = process.env.BENCH_WATCHED_FILE;
  writeFileSync(`${file}.part`, JSON.stringify(report));
  renameSync(`${file}.part`, file);
  delay.reset();
});
