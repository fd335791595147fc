/** The codes in the place of a protocol's version (PostgreSQL's pqcomm.h). */
export const codes = {protocol3: 196_608, cancel: 80_877_102, sslRequest: 80_877_103, gssRequest: 80_877_104};

export function startupPacket(parameters: Readonly<Record<string, string>>): Buffer {
  const body = Object.entries(parameters).flat();
  const text = Buffer.from(`${body.join('\0')}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(text.length + 8, 0);
  head.writeInt32BE(codes.protocol3, 4);
  return Buffer.concat([head, text]);
}

/** The parameters of a StartupMessage, its length and version cut off: `user`, `database`, `replication`, ... */
export function startupParameters(body: Buffer): ReadonlyMap<string, string> {
  const words = body.toString('utf8').split('\0');
  const pairs = new Map<string, string>();
  for (let index = 0; index + 1 < words.length; index += 2) {
    const name = words[index] ?? '';
    if (name !== '') pairs.set(name, words[index + 1] ?? '');
  }
  return pairs;
}

export function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** An ErrorResponse that ends a session. */
export function fatalError(sqlstate: string, text: string): Buffer {
  return message('E', Buffer.from(`SFATAL\0VFATAL\0C${sqlstate}\0M${text}\0\0`));
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
