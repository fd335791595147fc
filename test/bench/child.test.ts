import {once} from 'node:events';
import net from 'node:net';
import {expect, it} from 'vitest';
import {startLink} from './child.ts';

it('a link with latency forwards all bytes in order, the first no earlier than a round trip after the connect', async () => {
  const echo = net.createServer(socket => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const link = await startLink({host: '127.0.0.1', port: address.port, round_trip_ms: 20});
  try {
    const socket = net.connect(link.port, '127.0.0.1');
    const startedAt_ms = performance.now();
    const sent = Array.from({length: 50_000}, (_, index) => `${index};`).join('');
    for (let at = 0; at < sent.length; at += 1000) socket.write(sent.slice(at, at + 1000));
    socket.end();
    let received = '';
    socket.on('data', data => {
      if (received === '') expect(performance.now() - startedAt_ms).toBeGreaterThan(38);
      received += data;
    });
    await once(socket, 'close');
    expect(received).toBe(sent);
  } finally {
    await link.stop();
    echo.close();
  }
});
