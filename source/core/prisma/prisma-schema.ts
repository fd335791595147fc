/** A Prisma application's schema as its folder has it. */
export type PrismaSchema = {
  /** schema.prisma, or the files of a schema folder, by path. */
  files: {path: string; text: string}[];
  /** prisma/migrations, and what is in it; null where the application has none (`prisma db push`). */
  migrations: {folder: string; names: string[]} | null;
};

/** Asks for the fact: the application's folder. */
export type PrismaSchemaNeed = {folder: string};

/** One model, with the text it stands in. */
export type PrismaModel = {
  path: string;
  /** From `model` to its closing brace. */
  text: string;
  name: string;
  /** `@@map`, or the model's own name. */
  table: string;
  /** `@@schema`; null where the schema is the URL's. */
  schema: string | null;
  /** Field names by the column they are kept in. */
  fields: ReadonlyMap<string, string>;
};

/** The models of a schema; views and types have no indexes. */
export function readModels({files}: PrismaSchema): PrismaModel[] {
  return files.flatMap(({path, text}) =>
    [
      ...withoutBlockComments(text).matchAll(
        /^[ \t]*model[ \t]+(\w+)[ \t]*\{[^\n]*\n(?:[\s\S]*?\n)??[ \t]*\}/gm,
      ),
    ].map(({0: block, 1: name = '', index}) =>
      toModel(path, {text: text.slice(index, index + block.length), code: block, name}),
    ),
  );
}

/** Every other character stays at its place. */
function withoutBlockComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, comment => comment.replace(/[^\r\n]/g, ' '));
}

function toModel(path: string, {text, code, name}: Record<'text' | 'code' | 'name', string>): PrismaModel {
  const lines = code
    .split('\n')
    .slice(1, -1)
    .map(line => line.replace(/(^|\s)\/\/.*$/, ''));
  return {
    path,
    text,
    name,
    table: attribute(lines, '@@map') ?? name,
    schema: attribute(lines, '@@schema'),
    fields: new Map(lines.flatMap(fieldOf)),
  };
}

function attribute(lines: string[], name: string): string | null {
  for (const line of lines) {
    const found = new RegExp(`^\\s*${name}\\(\\s*(?:(?:name|map)\\s*:\\s*)?"([^"]*)"`).exec(line);
    if (found?.[1] !== undefined) return found[1];
  }
  return null;
}

function fieldOf(line: string): [column: string, field: string][] {
  const field = /^\s*(\w+)\s+\w/.exec(line)?.[1];
  if (field === undefined) return [];
  const mapped = /\s@map\(\s*(?:name\s*:\s*)?"([^"]*)"/.exec(line)?.[1];
  return [[mapped ?? field, field]];
}
