/**
 * CloudFormation's functions in a configuration: found in their short form (`!Ref x`) and their long
 * one (`{Ref: x}`), and replaced by a value where the configuration itself tells it. What only AWS
 * could tell stays unresolved. Pure.
 */
import { isMap, isScalar, isSeq, type Node } from 'yaml';

export interface Intrinsic {
  /** `Ref`, `Fn::GetAtt`, `Fn::Sub`, `Fn::Join`, ... */
  readonly name: string;
  readonly argument: unknown;
}

/** Properties of a resource by its logical name. */
export type Resources = ReadonlyMap<
  string,
  { readonly type: string; readonly properties: Readonly<Record<string, unknown>> }
>;

/** What a `Ref` to a resource of this type yields, if it is a name that the configuration gives. */
const nameProperties: Readonly<Record<string, string>> = {
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::S3::Bucket': 'BucketName',
  'AWS::Kinesis::Stream': 'Name',
  'AWS::SSM::Parameter': 'Name',
  'AWS::Events::EventBus': 'Name',
};

/** `Fn::GetAtt` of these attributes is the resource's name as well. */
const nameAttributes: ReadonlySet<string> = new Set(['QueueName', 'TopicName', 'Name']);

const pseudoParameters: Readonly<Record<string, string>> = {
  'AWS::Region': 'us-east-1',
  'AWS::AccountId': '000000000000',
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
};

/** The function that a node is a call of. */
export function intrinsicOf(node: unknown): Intrinsic | undefined {
  const tag = (node as Partial<Node> | undefined)?.tag;
  if (typeof tag === 'string' && /^![A-Za-z]/.test(tag)) {
    const short = tag.slice(1);
    const name = short === 'Ref' || short === 'Condition' ? short : `Fn::${short}`;
    return { name, argument: plain(node) };
  }
  return isMap(node) ? intrinsicOfValue(node.toJSON()) : undefined;
}

/** The same for a plain value. */
export function intrinsicOfValue(value: unknown): Intrinsic | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const [entry, ...rest] = Object.entries(value as Record<string, unknown>);
  if (entry === undefined || rest.length > 0) return undefined;
  const [name, argument] = entry;
  return name === 'Ref' || name.startsWith('Fn::') ? { name, argument } : undefined;
}

/** The value of a call as text; undefined where only AWS knows it. */
export function resolveIntrinsic(
  { name, argument }: Intrinsic,
  resources: Resources,
): string | undefined {
  switch (name) {
    case 'Ref':
      return typeof argument === 'string' ? resolveRef(argument, resources) : undefined;
    case 'Fn::GetAtt':
      return resolveAttribute(argument, resources);
    case 'Fn::Sub':
      return resolveSub(argument, resources);
    case 'Fn::Join':
      return resolveJoin(argument, resources);
    default:
      return undefined;
  }
}

function resolveRef(target: string, resources: Resources): string | undefined {
  const pseudo = pseudoParameters[target];
  if (pseudo !== undefined) return pseudo;
  const resource = resources.get(target);
  const property = resource && nameProperties[resource.type];
  return property === undefined ? undefined : textOf(resource?.properties[property], resources);
}

function resolveAttribute(argument: unknown, resources: Resources): string | undefined {
  const parts =
    typeof argument === 'string' ? argument.split('.') : Array.isArray(argument) ? argument : [];
  const [target, attribute] = parts as unknown[];
  if (typeof target !== 'string' || typeof attribute !== 'string') return undefined;
  if (!nameAttributes.has(attribute)) return undefined;
  return textOf(resources.get(target)?.properties[attribute], resources);
}

/** `${Name}`, `${Name.Attribute}`, `${!Literal}`, and own variables in the list form. */
function resolveSub(argument: unknown, resources: Resources): string | undefined {
  const [template, variables] = Array.isArray(argument) ? (argument as unknown[]) : [argument, {}];
  if (typeof template !== 'string') return undefined;
  let isComplete = true;
  const text = template.replace(/\$\{([^}]+)\}/g, (whole, reference: string) => {
    if (reference.startsWith('!')) return `\${${reference.slice(1)}}`;
    // The framework's own variables, such as ${self:service}, are replaced before.
    if (/^[a-zA-Z]+:[^:]/.test(reference)) return whole;
    const own = (variables as Record<string, unknown> | undefined)?.[reference];
    const value =
      own === undefined
        ? reference.includes('.')
          ? resolveAttribute(reference, resources)
          : resolveRef(reference, resources)
        : textOf(own, resources);
    if (value === undefined) isComplete = false;
    return value ?? whole;
  });
  return isComplete ? text : undefined;
}

function resolveJoin(argument: unknown, resources: Resources): string | undefined {
  if (!Array.isArray(argument) || argument.length !== 2 || !Array.isArray(argument[1]))
    return undefined;
  const parts = (argument[1] as unknown[]).map((part) => textOf(part, resources));
  return parts.some((part) => part === undefined) ? undefined : parts.join(String(argument[0]));
}

function textOf(value: unknown, resources: Resources): string | undefined {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  const call = intrinsicOfValue(value);
  return call && resolveIntrinsic(call, resources);
}

/** A node as plain data in which short forms are long ones. */
export function plain(node: unknown): unknown {
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map((item) => nested(item));
  if (isMap(node))
    return Object.fromEntries(
      node.items.map(({ key, value }) => [String(isScalar(key) ? key.value : key), nested(value)]),
    );
  return node;
}

function nested(node: unknown): unknown {
  const tag = (node as Partial<Node> | undefined)?.tag;
  const call = typeof tag === 'string' && /^![A-Za-z]/.test(tag) ? intrinsicOf(node) : undefined;
  return call ? { [call.name]: call.argument } : plain(node);
}
