/** Something other than PostgreSQL answered at the port. `protocol` names it where it can be told. */
export class NotPostgresError extends Error {
  override readonly name = 'NotPostgresError';
  readonly protocol: string;

  constructor(protocol: string) {
    super(`not PostgreSQL: ${protocol}`);
    this.protocol = protocol;
  }
}

/**
 * What answered, judged by its first bytes; null when it may be PostgreSQL: one byte (`S`, `N`) after an
 * SSLRequest, else a message whose type opens a session (R, E, N, v) with a length that is possible there.
 */
export function foreignProtocol(bytes: Buffer): string | null {
  const text = bytes.subarray(0, 16).toString('latin1');
  for (const [start, name] of greetings) if (text.startsWith(start)) return name;
  // MySQL greets with a packet number 0 and its protocol version 10.
  if (bytes.length > 5 && bytes[3] === 0 && bytes[4] === 10 && bytes[2] === 0) return 'MySQL or MariaDB';
  if (bytes.length === 1) return 'SNERv'.includes(text) ? null : 'an unknown protocol';
  if (!'RENv'.includes(text.charAt(0))) return 'an unknown protocol';
  return bytes.length >= 5 && bytes.readUInt32BE(1) > 65_536 ? 'an unknown protocol' : null;
}

const greetings: [string, string][] = [
  ['HTTP/', 'an HTTP server'],
  ['SSH-', 'an SSH server'],
  ['-ERR', 'Redis'],
  ['220 ', 'a mail or FTP server'],
  ['\x15\x03', 'a TLS server'],
];
