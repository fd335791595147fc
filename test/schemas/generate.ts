import {resolve} from 'node:path';
import {API, type Checker, type Project, type Symbol as TsSymbol, type Type} from 'typescript/unstable/sync';

/** A JSON schema (draft 2020-12). */
export type Schema = {[keyword: string]: unknown};

/** Generates the schema of each member of `Documents` from its type, as the compiler sees it. */
export function generateSchemas(): Map<string, Schema> {
  const api = new API({cwd: process.cwd()});
  try {
    const config = resolve('tsconfig.json');
    const file = resolve('test/schemas/documents.ts');
    const project = api.updateSnapshot({openProject: config}).getProject(config);
    if (project === undefined) throw new Error('no project of tsconfig.json');
    const documents = typeNamed('Documents', project, file);
    return new Map(
      project.checker
        .getPropertiesOfType(documents)
        .map(symbol => [symbol.name, documentSchema(symbol, project.checker)]),
    );
  } finally {
    api.close();
  }
}

function typeNamed(name: string, {checker, program}: Project, file: string): Type {
  const text = program.getSourceFile(file)?.text ?? '';
  const at = text.indexOf(`type ${name} `) + 'type '.length;
  const symbol = checker.getSymbolAtPosition(file, at);
  if (symbol === undefined) throw new Error(`no type ${name} in ${file}`);
  return checker.getDeclaredTypeOfSymbol(symbol);
}

function documentSchema(symbol: TsSymbol, checker: Checker): Schema {
  const definitions = new Map<string, Schema>();
  const root = typeOf(symbol, checker);
  const schema = schemaOf(root, {checker, definitions, root});
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: symbol.name,
    ...schema,
    ...(definitions.size > 0 && {
      $defs: Object.fromEntries([...definitions].sort(([a], [b]) => (a < b ? -1 : 1))),
    }),
  };
}

function typeOf(symbol: TsSymbol, checker: Checker): Type {
  const type = checker.getTypeOfSymbol(symbol);
  if (type === undefined) throw new Error(`no type of ${symbol.name}`);
  return type;
}

type Context = {checker: Checker; definitions: Map<string, Schema>; root: Type};

/** A type with a name of its own is a definition, as it can contain itself. */
function schemaOf(type: Type, context: Context): Schema {
  const name = type.getAliasTypeArguments().length === 0 ? type.getAliasSymbol()?.name : undefined;
  const isPlain =
    type === context.root || !(type.isObjectType() || type.isIntersectionType() || type.isUnionType());
  if (name === undefined || isPlain) return shapeOf(type, context);
  const {definitions} = context;
  if (!definitions.has(name)) {
    definitions.set(name, {});
    definitions.set(name, shapeOf(type, context));
  }
  return {$ref: `#/$defs/${name}`};
}

function shapeOf(type: Type, context: Context): Schema {
  const {checker} = context;
  if (type.isUnionType()) return unionOf(type.getTypes(), context);
  if (type.isLiteralType()) return {const: type.value};
  // A branded string.
  if (type.isIntersectionType() && type.getTypes().some(each => checker.typeToString(each) === 'string'))
    return {type: 'string'};
  const text = checker.typeToString(type);
  if (['string', 'number', 'boolean', 'null'].includes(text)) return {type: text};
  if (text === 'unknown' || text === 'any') return {};
  if (type.isTemplateLiteralType()) return {type: 'string'};
  if (type.isTupleType()) return tupleOf(checker.getTypeArguments(type), context);
  if (type.isTypeReference() && checker.isArrayLikeType(type)) {
    const [item] = checker.getTypeArguments(type);
    return {type: 'array', items: item === undefined ? {} : schemaOf(item, context)};
  }
  return objectOf(type, context);
}

function tupleOf(items: readonly Type[], context: Context): Schema {
  return {type: 'array', prefixItems: items.map(each => schemaOf(each, context)), minItems: items.length};
}

/** What is undefined is left out of JSON. */
function unionOf(types: readonly Type[], context: Context): Schema {
  const shown = types.filter(each => context.checker.typeToString(each) !== 'undefined');
  const literals = shown.flatMap(each => (each.isLiteralType() ? [each.value] : []));
  const others = shown.filter(each => !each.isLiteralType()).map(each => schemaOf(each, context));
  const isBoolean = literals.includes(true) && literals.includes(false);
  const rest = isBoolean ? literals.filter(each => typeof each !== 'boolean') : literals;
  const simple = others.flatMap(each => (Object.keys(each).join() === 'type' ? [each.type] : []));
  const complex = others.filter(each => Object.keys(each).join() !== 'type');
  const names = [...(isBoolean ? ['boolean'] : []), ...simple];
  const parts: Schema[] = [
    ...(rest.length > 0 ? [{enum: rest}] : []),
    ...(names.length > 0 ? [{type: names.length === 1 ? names[0] : names}] : []),
    ...complex,
  ];
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : {anyOf: parts};
}

/** Members that are not listed are allowed: documents are extended without a new `schema_version`. */
function objectOf(type: Type, context: Context): Schema {
  const {checker} = context;
  const symbols = checker
    .getPropertiesOfType(type)
    .filter(each => checker.typeToString(typeOf(each, checker)) !== 'undefined');
  const [index] = checker.getIndexInfosOfType(type);
  const isOptional = (symbol: TsSymbol) => {
    const own = typeOf(symbol, checker);
    const parts = own.isUnionType() ? own.getTypes() : [own];
    return (
      (symbol.flags & optionalFlag) !== 0 || parts.some(each => checker.typeToString(each) === 'undefined')
    );
  };
  const required = symbols.filter(each => !isOptional(each)).map(({name}) => name);
  return {
    type: 'object',
    ...(symbols.length > 0 && {
      properties: Object.fromEntries(
        symbols.map(each => [each.name, schemaOf(typeOf(each, checker), context)]),
      ),
    }),
    ...(required.length > 0 && {required}),
    ...(index !== undefined && {additionalProperties: schemaOf(index.valueType, context)}),
  };
}

/** SymbolFlags.Optional. */
const optionalFlag = 1 << 24;
