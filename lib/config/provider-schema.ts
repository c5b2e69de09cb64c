/**
 * Schema of `provider` for `name: knative`: Knit's own settings, and every setting of AWS's
 * provider so that a configuration moves over unchanged. What AWS's settings mean here, if
 * anything, is said in `ignored-settings.ts`.
 */
import {
  anyOf,
  anything,
  integer,
  listOf,
  mapOf,
  oneOf,
  shape,
  text,
  type JsonSchema,
} from './json-schema.ts';

/** Settings that Knit reads. */
const knitProperties: Readonly<Record<string, JsonSchema>> = {
  target: oneOf('local', 'kubernetes'),
  context: text,
  namespace: text,
  k8s: shape({ namespace: text }),
  docker: shape({ username: text, password: text }),
  region: text,
  runtime: text,
  memorySize: integer(16, 1_048_576),
  timeout: integer(1, 900),
  environment: mapOf(anything),
  registry: text,
  broker: text,
  domain: text,
  concurrency: integer(0, 1_000),
  style: oneOf('lambda', 'http', 'cloudevent', 'gcf', 'azure', 'openwhisk'),
  scale: anything,
  ecr: anything,
  httpApi: anything,
  tags: mapOf(anything),
  stackTags: mapOf(anything),
  versionFunctions: anything,
};

/** AWS settings that Knit accepts and names in a warning. */
export const awsOnlyProviderSettings = [
  'alb',
  'alexa',
  'apiGateway',
  'apiKeys',
  'apiName',
  'architecture',
  'cfnRole',
  'cloudFront',
  'deploymentBucket',
  'deploymentMethod',
  'deploymentPrefix',
  'deploymentProtection',
  'deletionProtection',
  'disableDefaultOutputExportNames',
  'disableRollback',
  'endpointType',
  'eventBridge',
  'iam',
  'iamManagedPolicies',
  'iamRoleStatements',
  'kinesis',
  'kmsKeyArn',
  'lambdaHashingVersion',
  'layers',
  'logDataProtectionPolicy',
  'logRetentionInDays',
  'logs',
  'notificationArns',
  'profile',
  'pruneFunctionVersions',
  'resourcePolicy',
  'role',
  'rolePermissionsBoundary',
  'rollbackConfiguration',
  'runtimeManagement',
  's3',
  'snapStart',
  'stackName',
  'stackParameters',
  'stackPolicy',
  'tracing',
  'usagePlan',
  'vpc',
  'vpcEndpointIds',
  'websocket',
  'websocketsApiName',
  'websocketsApiRouteSelectionExpression',
  'websocketsDescription',
] as const;

export const providerProperties: Readonly<Record<string, JsonSchema>> = {
  ...knitProperties,
  ...Object.fromEntries(awsOnlyProviderSettings.map((name) => [name, anything])),
};

/** Top-level properties that AWS services and the dashboard use; the hosts know none of them. */
export const topLevelProperties: Readonly<Record<string, JsonSchema>> = {
  app: text,
  org: text,
  tenant: text,
  outputs: anything,
  constructs: anything,
  stepFunctions: anything,
  build: anything,
  stages: anything,
};

export const layersSchema: JsonSchema = anything;
/** CloudFormation, or a list of such documents. */
export const resourcesSchema: JsonSchema = anyOf(mapOf(anything), listOf(anything));
