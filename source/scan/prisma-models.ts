type PrismaField = {
  type: string;
  isList: boolean;
  /** It leads to another model. */
  isRelation: boolean;
  isUnique: boolean;
  line: number;
  /** Of the relation's owner: its own fields. */
  relationFields: string[];
  /** `@map`; null: its own name. */
  column: string | null;
};

export type PrismaModelShape = {
  name: string;
  /** `@@map`, or its own name. */
  table: string;
  file: string;
  line: number;
  fields: ReadonlyMap<string, PrismaField>;
  /** Fields of each index, primary key and unique constraint, in order. */
  indexes: string[][];
  /** Fields of each primary key and unique constraint of several. */
  uniques: string[][];
  /** MySQL, for one, makes an index for each relation itself. */
  isPostgres: boolean;
};

/** By the name that the client uses: `user`, `pilotSchool`. */
export type PrismaModels = ReadonlyMap<string, PrismaModelShape>;

/** The models of a Prisma schema. Its language has one field or attribute per line. */
export function readPrismaModels(files: readonly {path: string; text: string}[]): PrismaModels {
  const providers = files.flatMap(
    ({text}) => /\bdatasource\s+\w+\s*\{[^{}]*?\bprovider\s*=\s*"(\w+)"/.exec(text)?.[1] ?? [],
  );
  const isPostgres = providers.every(each => /^postgres/.test(each));
  const models = new Map<string, PrismaModelShape & {fields: Map<string, PrismaField>}>();
  for (const {path, text} of files) {
    let current: (PrismaModelShape & {fields: Map<string, PrismaField>}) | null = null;
    for (const [at, raw] of text.split('\n').entries()) {
      const line = raw.replace(/\/\/.*$/, '').trim();
      const [, name] = /^(?:model|view)\s+(\w+)\s*\{/.exec(line) ?? [];
      if (name !== undefined) {
        current = {
          name,
          table: name,
          file: path,
          line: at + 1,
          fields: new Map(),
          indexes: [],
          uniques: [],
          isPostgres,
        };
        models.set(name.charAt(0).toLowerCase() + name.slice(1), current);
      } else if (line === '}') current = null;
      else if (current !== null) readLine(line, at + 1, current);
    }
  }
  const names = new Set([...models.values()].map(({name}) => name));
  for (const {fields} of models.values())
    for (const field of fields.values()) field.isRelation = names.has(field.type);
  return models;
}

function readLine(
  line: string,
  at: number,
  model: PrismaModelShape & {fields: Map<string, PrismaField>},
): void {
  const [, attribute, list] = /^@@(index|id|unique)\(\s*(?:fields\s*:\s*)?\[([^\]]*)\]/.exec(line) ?? [];
  if (list !== undefined) model.indexes.push(fieldNames(list));
  if (list !== undefined && attribute !== 'index') model.uniques.push(fieldNames(list));
  const [, mapped] = /^@@map\(\s*(?:name\s*:\s*)?"([^"]*)"/.exec(line) ?? [];
  if (mapped !== undefined) model.table = mapped;
  const [, name, type, many] = /^(\w+)\s+(\w+)(\[\])?/.exec(line) ?? [];
  if (name === undefined || type === undefined) return;
  const [, own = ''] = /@relation\([^()]*\bfields\s*:\s*\[([^[\]]*)\]/.exec(line) ?? [];
  const isUnique = /@(?:id|unique)\b/.test(line);
  if (isUnique) model.indexes.push([name]);
  model.fields.set(name, {
    type,
    isList: many !== undefined,
    isRelation: false,
    isUnique,
    line: at,
    relationFields: fieldNames(own),
    column: /\s@map\(\s*(?:name\s*:\s*)?"([^"]*)"/.exec(line)?.[1] ?? null,
  });
}

/** `a, b(sort: Desc)` as `a`, `b`. */
function fieldNames(list: string): string[] {
  return list.split(',').flatMap(each => /^\s*(\w+)/.exec(each)?.[1] ?? []);
}
