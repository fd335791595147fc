import {readFileSync} from 'node:fs';
import type {Node, Program} from '@oxc-project/types';
import type {ScanProblem} from '../../model/scan-report.ts';
import {nameOfKey, namesOf} from './nodes.ts';
import type {Parse} from './parser.ts';
import type {ResolveImport} from './resolve-import.ts';
import {posixPath, reasonOf} from './walk-files.ts';

/** The export that stands for all of a CommonJS module. */
export const moduleExports = 'module.exports';

/** Where an imported name comes from: `name` is `default`, `*` for the module itself, or an export's. */
export type Import = {specifier: string; name: string};

type Export = {kind: 'local'; name: string} | {kind: 'node'; node: Node} | ({kind: 'from'} & Import);

export type Module = {
  /** Absolute. */
  path: string;
  /** Relative to the scanned folder, with `/`. */
  file: string;
  text: string;
  program: Program;
  comments: {value: string; start: number; end: number}[];
  imports: ReadonlyMap<string, Import>;
  exports: ReadonlyMap<string, Export>;
  /** Specifiers of `export * from`. */
  stars: string[];
  /** What the top level declares, by name. */
  declarations: ReadonlyMap<string, Node>;
  directives: ReadonlySet<string>;
};

export type Project = {
  root: string;
  problems: ScanProblem[];
  /** A file's text, read once; '' if it cannot be read. */
  text(path: string): string;
  /** Parsed on first use; null if it cannot be read. */
  module(path: string): Module | null;
  /** Whether anything has used the module yet. */
  isUsed(path: string): boolean;
  resolve: ResolveImport;
};

/** Below comments at most, 'use client' is the first statement. */
const isClientCode = /^(?:\s|\/\/[^\n]*\n|\/\*[^*]*(?:\*(?!\/)[^*]*)*\*\/)*['"]use client['"]/;
const emptyProgram: Program = {
  type: 'Program',
  body: [],
  sourceType: 'module',
  hashbang: null,
  start: 0,
  end: 0,
};

export function createProject(root: string, parse: Parse, resolve: ResolveImport): Project {
  const modules = new Map<string, Module | null>();
  const texts = new Map<string, string>();
  const problems: ScanProblem[] = [];
  const readOnce = (path: string): string => {
    const text = texts.get(path) ?? readFileSync(path, 'utf8');
    texts.set(path, text);
    return text;
  };
  const read = (path: string): Module | null => {
    const file = posixPath(root, path);
    try {
      const text = readOnce(path);
      // The server never runs it, so it is not worth parsing: what it exports is unknown.
      if (isClientCode.test(text))
        return {path, file, text, program: emptyProgram, comments: [], ...namesIn(emptyProgram)};
      const {program, comments, errors} = parse(path, text);
      const [error] = errors;
      if (error !== undefined)
        problems.push({file, line: lineAt(text, error.offset), message: `syntax error: ${error.message}`});
      return {path, file, text, program, comments, ...namesIn(program)};
    } catch (error) {
      problems.push({file, line: null, message: `not read: ${reasonOf(error)}`});
      return null;
    }
  };
  return {
    root,
    problems,
    resolve,
    text(path) {
      try {
        return readOnce(path);
      } catch {
        return '';
      }
    },
    module(path) {
      const known = modules.get(path);
      if (known !== undefined) return known;
      const found = read(path);
      modules.set(path, found);
      return found;
    },
    isUsed: path => modules.has(path),
  };
}

/** From 1. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** Both from 1, the column in UTF-16 units. */
export function placeOf(text: string, offset: number): {line: number; column: number} {
  return {line: lineAt(text, offset), column: offset - text.lastIndexOf('\n', offset - 1)};
}

function namesIn(
  program: Program,
): Pick<Module, 'imports' | 'exports' | 'stars' | 'declarations' | 'directives'> {
  const imports = new Map<string, Import>();
  const exports = new Map<string, Export>();
  const declarations = new Map<string, Node>();
  const stars: string[] = [];
  const directives = new Set<string>();
  const declare = (node: Node): string[] => {
    const names = declaredBy(node);
    for (const [name, each] of names) declarations.set(name, each);
    return names.map(([name]) => name);
  };
  for (const node of program.body) {
    switch (node.type) {
      case 'ImportDeclaration':
        for (const each of node.specifiers)
          imports.set(each.local.name, {
            specifier: node.source.value,
            name:
              each.type === 'ImportSpecifier'
                ? nameOfExport(each.imported)
                : each.type === 'ImportDefaultSpecifier'
                  ? 'default'
                  : '*',
          });
        break;
      case 'ExportNamedDeclaration':
        if (node.declaration !== null)
          for (const name of declare(node.declaration)) exports.set(name, {kind: 'local', name});
        for (const {local, exported} of node.specifiers) {
          const name = nameOfExport(local);
          exports.set(
            nameOfExport(exported),
            node.source === null ? {kind: 'local', name} : {kind: 'from', specifier: node.source.value, name},
          );
        }
        break;
      case 'ExportDefaultDeclaration': {
        const [name] = declare(node.declaration);
        exports.set(
          'default',
          name === undefined ? {kind: 'node', node: node.declaration} : {kind: 'local', name},
        );
        break;
      }
      case 'ExportAllDeclaration':
        if (node.exported === null) stars.push(node.source.value);
        else
          exports.set(nameOfExport(node.exported), {kind: 'from', specifier: node.source.value, name: '*'});
        break;
      case 'ExpressionStatement':
        if ('directive' in node && typeof node.directive === 'string') directives.add(node.directive);
        for (const [name, each] of commonExports(node.expression))
          exports.set(name, {kind: 'node', node: each});
        break;
      default:
        declare(node);
    }
  }
  return {imports, exports, stars, declarations, directives};
}

/** CommonJS: `module.exports = ...` under that name, and `exports.name = ...`. */
function commonExports(node: Node): [string, Node][] {
  if (node.type !== 'AssignmentExpression' || node.left.type !== 'MemberExpression') return [];
  const {object, property, computed} = node.left;
  const name = nameOfKey(property, computed);
  if (name === null) return [];
  const isModule = object.type === 'Identifier' && object.name === 'module' && name === 'exports';
  if (isModule) return [[moduleExports, node.right]];
  const owner = object.type === 'MemberExpression' ? nameOfKey(object.property, object.computed) : null;
  const isExports = object.type === 'Identifier' && object.name === 'exports';
  return isExports || owner === 'exports' ? [[name, node.right]] : [];
}

function nameOfExport(node: {type: 'Literal'; value: string} | {type: 'Identifier'; name: string}): string {
  return node.type === 'Literal' ? node.value : node.name;
}

/** The names that a statement declares, each with the node that says what it is. */
function declaredBy(node: Node): [string, Node][] {
  switch (node.type) {
    case 'VariableDeclaration':
      return node.declarations.flatMap(each => namesOf(each.id).map((name): [string, Node] => [name, each]));
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      return node.id === null ? [] : [[node.id.name, node]];
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
    case 'TSEnumDeclaration':
      return [[node.id.name, node]];
  }
  return [];
}
