/** Something other than PostgreSQL answered. `protocol` says what: `an SSH server`, `another kind of server`. */
export class NotPostgresError extends Error {
  override readonly name = 'NotPostgresError';
  readonly protocol: string;

  constructor(protocol: string) {
    super(`not PostgreSQL: ${protocol}`);
    this.protocol = protocol;
  }
}

/**
 * What answered, by its first bytes; null where it may be PostgreSQL: one byte (`S`, `N`) after an SSLRequest, else a
 * message that can open a session (R, E, N, v) of a possible length.
 */
export function foreignProtocol(bytes: Buffer): string | null {
  const text = bytes.subarray(0, 16).toString('latin1');
  for (const [start, name] of greetings) if (text.startsWith(start)) return name;
  // MySQL greets with a packet number 0 and its protocol version 10.
  if (bytes.length > 5 && bytes[3] === 0 && bytes[4] === 10 && bytes[2] === 0) return 'MySQL or MariaDB';
  if (bytes.length === 1) return 'SNERv'.includes(text) ? null : 'another kind of server';
  if (!'RENv'.includes(text.charAt(0))) return 'another kind of server';
  return bytes.length >= 5 && bytes.readUInt32BE(1) > 65_536 ? 'another kind of server' : null;
}

const greetings: [string, string][] = [
  ['HTTP/', 'an HTTP server'],
  ['SSH-', 'an SSH server'],
  ['-ERR', 'Redis'],
  ['220 ', 'a mail or FTP server'],
  ['\x15\x03', 'a TLS server'],
];
