import net from 'node:net';
import process from 'node:process';

/**
 * A link with a round trip of `round_trip_ms`: a TCP proxy on loopback that holds everything back for half of it
 * each way. Loopback completes a connect at once, so the client's first bytes are held one round trip more:
 * the server sees and answers them when it would have. Ends with its parent.
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

/** All of one way, its end included, `delay_ms` later; the first bytes no sooner than that after `earliest`. */
function forward(from: net.Socket, to: net.Socket, delay_ms: number, earliest: number): void {
  const queue: (() => void)[] = [];
  // Each timer does what is first in the queue, so that bytes stay in order however timers fire.
  const later = (act: () => void) => {
    const now = Date.now();
    queue.push(act);
    setTimeout(() => queue.shift()?.(), Math.max(now, earliest) + delay_ms - now);
  };
  from.on('data', data => later(() => to.write(data)));
  from.on('end', () => later(() => to.end()));
  from.on('error', () => to.destroy());
}
