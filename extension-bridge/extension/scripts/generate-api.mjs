// Writes src/api/generated.ts from ipc/openrpc.json. With --check it only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { constants } from './schema.mjs';

const SOURCE = new URL('../../../ipc/openrpc.json', import.meta.url);
const TARGET = new URL('../src/api/generated.ts', import.meta.url);
const REF = '#/components/schemas/';

const document = (text, indent) => {
  if (!text) return '';
  const lines = text.replaceAll('*/', '*\\/').split('\n');
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join('\n')}\n${indent} */\n`;
};

const primitive = (name) => {
  switch (name) {
    case 'string':
      return 'string';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    default:
      throw new Error(`a schema type this generator does not know: ${name}`);
  }
};

const object = (schema, indent) => {
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length === 0) return 'Record<string, unknown>';
  const required = new Set(schema.required ?? []);
  const inner = `${indent}  `;
  const fields = properties.map(([name, field]) => {
    const mark = required.has(name) ? '' : '?';
    const optional = required.has(name) ? '' : ' | undefined';
    return `${document(field.description, inner)}${inner}${name}${mark}: ${type(field, inner)}${optional};\n`;
  });
  return `{\n${fields.join('')}${indent}}`;
};

const type = (schema, indent = '') => {
  if (schema === true) return 'unknown';
  if (schema.$ref !== undefined) {
    if (!schema.$ref.startsWith(REF)) throw new Error(`a reference this generator does not know: ${schema.$ref}`);
    return schema.$ref.slice(REF.length);
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined) {
    const union = choices.map((choice) => type(choice, indent)).join(' | ');
    const shared = Object.keys(schema.properties ?? {}).length > 0;
    return shared ? `${object(schema, indent)} & (${union})` : union;
  }
  if (Array.isArray(schema.type)) {
    return schema.type.map((name) => type({ ...schema, type: name }, indent)).join(' | ');
  }
  if (schema.type === 'array') return `Array<${type(schema.items, indent)}>`;
  if (schema.type === 'object') return object(schema, indent);
  if (schema.type === undefined) return 'unknown';
  return primitive(schema.type);
};

const schema = ([name, body]) => `${document(body.description, '')}export type ${name} = ${type(body)};\n`;

const parameters = (method) =>
  type(
    {
      type: 'object',
      properties: Object.fromEntries(method.params.map((param) => [param.name, param.schema])),
      required: method.params.filter((param) => param.required).map((param) => param.name),
    },
    '  ',
  ).replace('Record<string, unknown>', 'Record<never, never>');

/** The text of the client for one parsed `openrpc.json`. */
export const generate = (api) => {
  const schemas = Object.entries(api.components.schemas).map(schema).join('\n');
  const methods = api.methods
    .map(
      (method) =>
        `${document(method.summary, '  ')}  '${method.name}': {\n    params: ${parameters(method).replaceAll('\n', '\n  ')};\n    result: ${type(method.result.schema)};\n  };\n`,
    )
    .join('');
  const facts = api.methods
    .map(
      (method) =>
        `  '${method.name}': { grant: ${method['x-grant'] ? `'${method['x-grant']}'` : 'null'}, network: '${method['x-network']}', reveals: ${JSON.stringify(method['x-reveals'])} },\n`,
    )
    .join('');
  const limits = Object.entries(api['x-limits'])
    .map(([name, { value, meaning }]) => `${document(meaning, '  ')}  ${name}: ${value},\n`)
    .join('');
  const list = (values) => values.map((value) => `  '${value}',\n`).join('');
  const codes = api['x-errors'].map((entry) => `  '${entry.code}',\n`).join('');
  return `// Generated from ipc/openrpc.json by scripts/generate-api.mjs; do not edit.

${schemas}
/** Every method: what it takes and what it answers. */
export interface Methods {
${methods}}

export type MethodName = keyof Methods;

/** What a method needs and reveals, as the API states it. */
export interface MethodFacts {
  /** Null: free, also before pairing. */
  readonly grant: Grant | 'any' | null;
  readonly network: 'none' | 'queued' | 'interactive';
  readonly reveals: string;
}

export const METHODS: { readonly [M in MethodName]: MethodFacts } = {
${facts}};

/** The numbers of the API. */
export const LIMITS = {
${limits}} as const;

/** The traffic profiles, as \`status.get\` names them. */
export const TRAFFIC_PROFILES = [
${list(api['x-traffic'])}] as const;

/** Every grant, least first. */
export const GRANTS: readonly Grant[] = [
${list(constants(api.components.schemas.Grant))}];

/** The error codes that the daemon documents; expect others, too. */
export const ERROR_CODES = [
${codes}] as const;

/** Sends one call and returns its result, or throws. */
export type Call = <M extends MethodName>(method: M, params: Methods[M]['params']) => Promise<Methods[M]['result']>;
`;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = generate(JSON.parse(readFileSync(SOURCE, 'utf8')));
  if (process.argv.includes('--check')) {
    if (readFileSync(TARGET, 'utf8') !== text) {
      console.error('src/api/generated.ts is stale: run npm run generate');
      process.exit(1);
    }
  } else {
    writeFileSync(TARGET, text);
  }
}
