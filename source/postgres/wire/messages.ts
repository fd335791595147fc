/** Messages of PostgreSQL's protocol 3 (protocol-message-formats): type, length, body. */

/** The codes in the place of a protocol's version (PostgreSQL's pqcomm.h). */
export const codes = {protocol3: 196_608, cancel: 80_877_102, sslRequest: 80_877_103, gssRequest: 80_877_104};

/** `type` is one letter. */
export function message(type: string, ...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(body.length + 4), body]);
}

export function startupPacket(parameters: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.concat([...Object.entries(parameters).flat().map(cString), Buffer.alloc(1)]);
  return Buffer.concat([int32(body.length + 8), int32(codes.protocol3), body]);
}

/** The parameters of a StartupMessage without its length and version: `user`, `database`, `replication`, ... */
export function startupParameters(body: Buffer): ReadonlyMap<string, string> {
  const words = body.toString('utf8').split('\0');
  const pairs = new Map<string, string>();
  for (let index = 0; index + 1 < words.length; index += 2) {
    const name = words[index] ?? '';
    if (name !== '') pairs.set(name, words[index + 1] ?? '');
  }
  return pairs;
}

/** An ErrorResponse that ends a session. */
export function fatalError(sqlstate: string, text: string): Buffer {
  return message('E', ...['SFATAL', 'VFATAL', `C${sqlstate}`, `M${text}`, ''].map(cString));
}

/** SQLSTATE and text of an ErrorResponse's body. */
export function errorFields(body: Buffer): {code: string; message: string} {
  const fields = new Map(
    body
      .toString('utf8')
      .split('\0')
      .map(field => [field.slice(0, 1), field.slice(1)]),
  );
  return {code: fields.get('C') ?? '', message: fields.get('M') ?? ''};
}

export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

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
 * What answered, by its first bytes; null if it may be PostgreSQL: one byte (`S`, `N`) after an SSLRequest, else a
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
