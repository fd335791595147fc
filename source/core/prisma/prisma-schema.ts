import type {PrismaModel, PrismaSchema} from '../../model/application.ts';

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

/** Replaces comments by blanks, so that positions stay the same. */
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
