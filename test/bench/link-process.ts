import net from 'node:net';
import process from 'node:process';

/**
 * A link with a round trip of `round_trip_ms`: a TCP proxy on loopback that delays everything by half of it in each
 * direction. Loopback connects at once, so the client's first bytes are delayed by one more round trip, as by a real
 * connect. Ends with its parent.
 */
export type LinkMessage = {host: string; port: number; round_trip_ms: number};

process.on('disconnect', () => process.exit());
process.once('message', ({host, port, round_trip_ms}: LinkMessage) => {
  const server = net.createServer({allowHalfOpen: true}, near => {
    const far = net.connect({host, port, noDelay: true, allowHalfOpen: true});
    near.setNoDelay();
    forward(near, far, round_trip_ms / 2, Date.now() + round_trip_ms);
    forward(far, near, round_trip_ms / 2, 0);
  });
  server.listen(0, '127.0.0.1', () => process.send?.(server.address()));
});

/** Forwards one direction, its end included, `delay_ms` later; the first bytes at the earliest `delay_ms` after `earliest`. */
function forward(from: net.Socket, to: net.Socket, delay_ms: number, earliest: number): void {
  const queue: (() => void)[] = [];
  // Each timer forwards the first entry of the queue, so that bytes stay in order however timers fire.
  const later = (act: () => void) => {
    const now = Date.now();
    queue.push(act);
    setTimeout(() => queue.shift()?.(), Math.max(now, earliest) + delay_ms - now);
  };
  from.on('data', data => later(() => to.write(data)));
  from.on('end', () => later(() => to.end()));
  from.on('error', () => to.destroy());
}
