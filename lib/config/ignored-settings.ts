/** Names every setting that is accepted and has no effect, so that nothing is dropped in silence. Pure. */
import { awsOnlyFunctionSettings } from './function-schema.ts';
import { awsOnlyProviderSettings } from './provider-schema.ts';

/** Why a setting has no effect, where "it belongs to AWS" would not help. */
const REASONS: Readonly<Record<string, string>> = {
  architecture: 'functions run on the architecture of the machine or cluster',
  'docker.username': 'nothing is pushed to a registry',
  iam: 'there is no IAM; credentials come from the environment',
  iamRoleStatements: 'there is no IAM; credentials come from the environment',
  role: 'there is no IAM; credentials come from the environment',
  layers: 'Lambda layers are not available; put the files into the package or use a Dockerfile',
  resources: 'CloudFormation resources are not created',
  versionFunction: 'every deployment makes a Knative revision',
  versionFunctions: 'every deployment makes a Knative revision',
  vpc: 'functions share the network of the machine or cluster',
  tags: 'tags are not applied',
  traffic: 'gradual traffic shifting is not built in this version; new revisions get all traffic',
  httpApi: 'CORS, authorizers and the other settings of an HTTP API are not built in this version',
  destinations: 'results are not forwarded in this version',
  onError: 'failed asynchronous invocations are not forwarded in this version',
  maximumRetryAttempts: 'asynchronous invocations are not retried in this version',
};

/** Why a setting of AWS's has no effect. */
export const reasonOfIgnored = (name: string): string => REASONS[name] ?? 'it is an AWS setting';

interface RawService {
  readonly provider: Readonly<Record<string, unknown>>;
  readonly functions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly resources?: unknown;
  readonly layers?: unknown;
}

/** One message per setting; functions that share a setting share the message. */
export function findIgnoredSettings(raw: RawService): readonly string[] {
  const messages: string[] = [];
  const report = (setting: string, name: string): void => {
    messages.push(`${setting} has no effect: ${reasonOfIgnored(name)}`);
  };
  for (const name of [
    ...awsOnlyProviderSettings,
    'httpApi',
    'tags',
    'stackTags',
    'versionFunctions',
  ])
    if (isSet(raw.provider[name])) report(`provider.${name}`, name);
  for (const name of [...awsOnlyFunctionSettings, 'tags', 'traffic']) {
    const keys = Object.keys(raw.functions).filter((key) => isSet(raw.functions[key]?.[name]));
    if (keys.length > 0) report(keys.map((key) => `functions.${key}.${name}`).join(', '), name);
  }
  if (isSet(raw.resources)) report('resources', 'resources');
  if (isSet(raw.layers)) report('layers', 'layers');
  return messages;
}

const isSet = (value: unknown): boolean =>
  value !== undefined &&
  value !== null &&
  !(typeof value === 'object' && Object.keys(value).length === 0);
