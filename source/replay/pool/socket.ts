import net from 'node:net';

type Reader = (chunk: Buffer) => void;
/** net.Socket's own options have `onread` too, but for its types. */
type Options = net.SocketConstructorOpts & Pick<net.ConnectOpts, 'onread'>;

const bufferBytes = 65_536;
const readers = new WeakMap<net.Socket, Reader>();

/**
 * For pg's `stream`: it reads into one buffer again and again. A fresh one of 64 kB for every answer, as sockets have
 * it else, keeps the garbage collector at work for half of the time that this process takes for `SELECT 1`.
 */
export function createSocket(): net.Socket {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  const options: Options = {
    onread: {
      buffer,
      callback(size) {
        const chunk = buffer.subarray(0, size);
        const read = readers.get(socket);
        if (read === undefined) socket.emit('data', Buffer.from(chunk));
        else read(chunk);
        return true;
      },
    },
  };
  const socket = new net.Socket(options);
  return socket;
}

/** Gives `read` what comes from now on, in place of an event; the chunk is its own for the length of the call alone. */
export function readInto(socket: net.Socket, read: Reader): void {
  readers.set(socket, read);
}
