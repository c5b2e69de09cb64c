/**
 * What becomes of the settings that are not worth a function of their own: the framework's, and what
 * belongs to AWS alone. Pure data. Source: the configuration schemas of serverless 3 and osls 4.
 */
import { dropped, kept, manual, type Verdict } from './setting.ts';

/** By name, at the top of the file. */
export const topLevelVerdicts: Readonly<Record<string, Verdict>> = {
  app: dropped('it names an application of the Serverless Dashboard'),
  org: dropped('it names an organisation of the Serverless Dashboard'),
  tenant: dropped('it names a tenant of the Serverless Dashboard'),
  frameworkVersion: dropped('the plugin runs with osls 4 and serverless 3.40'),
  licenseKey: dropped('no licence is needed'),
  outputs: dropped('it belongs to the Serverless Dashboard'),
  unresolvedVariablesNotificationMode: dropped('it was a setting of serverless 2'),
  variablesResolutionMode: dropped('it was a setting of serverless 2'),
  deprecationNotificationMode: kept('it is a setting of the framework'),
  disabledDeprecations: kept('it is a setting of the framework'),
  configValidationMode: kept('it is a setting of the framework'),
  useDotenv: kept('it is a setting of the framework'),
  params: kept('it is a setting of the framework'),
  stages: manual(
    'it is a setting of Serverless 4',
    'move what it sets to "params", with ${param:...}',
  ),
  layers: manual(
    'Lambda layers are not available',
    'put their files into the package of each function, or use a Dockerfile',
  ),
  stepFunctions: manual(
    'state machines of AWS Step Functions have no counterpart here',
    'chain the functions by events: each replies with the event that starts the next',
  ),
  constructs: manual(
    'constructs of serverless-lift are CloudFormation',
    'use events of the broker in place of a queue, and a container for a website',
  ),
  build: manual('it is the built-in bundler of Serverless 4', 'add the plugin serverless-esbuild'),
};

/** By `Type`; others are `otherResource`. */
const resourceVerdicts: Readonly<Record<string, Verdict>> = {
  'AWS::DynamoDB::Table': manual(
    'the table is not created',
    'run a server that speaks its protocol, or DynamoDB itself, create the table there and set AWS_ENDPOINT_URL_DYNAMODB',
  ),
  'AWS::S3::Bucket': manual(
    'the bucket is not created',
    'run a server that speaks its protocol, or S3 itself, create the bucket there and set AWS_ENDPOINT_URL_S3',
  ),
  'AWS::SQS::Queue': manual(
    'the queue is not created',
    'send a CloudEvent to the broker instead, and give the worker a "trigger" event',
  ),
  'AWS::SNS::Topic': manual(
    'the topic is not created',
    'send a CloudEvent to the broker instead, and give each subscriber a "trigger" event',
  ),
  'AWS::SNS::Subscription': manual(
    'the subscription is not created',
    'give the subscriber a "trigger" event',
  ),
  'AWS::Kinesis::Stream': manual(
    'the stream is not created',
    'send CloudEvents to the broker instead, and give the reader a "trigger" event',
  ),
  'AWS::Events::EventBus': dropped('the namespace has a broker of its own'),
  'AWS::Logs::LogGroup': dropped('logs are kept by the runtime: sls logs'),
  'AWS::Cognito::UserPool': manual(
    'user pools are not created',
    'use any OpenID Connect provider, e.g. Keycloak, and check its tokens in the function',
  ),
  'AWS::RDS::DBInstance': manual(
    'the database is not created',
    'run PostgreSQL or MySQL beside the runtime and set its address in the environment',
  ),
  'AWS::RDS::DBCluster': manual(
    'the database is not created',
    'run PostgreSQL or MySQL beside the runtime and set its address in the environment',
  ),
  'AWS::ElastiCache::CacheCluster': manual(
    'the cache is not created',
    'run Redis or Valkey beside the runtime and set its address in the environment',
  ),
  'AWS::SSM::Parameter': manual(
    'the parameter is not created',
    'set its value in the environment of the functions that read it',
  ),
  'AWS::SecretsManager::Secret': manual(
    'the secret is not created',
    'set its value in the environment of the functions that read it',
  ),
};

/** Groups of types that only configure AWS around something. */
const resourceGroupVerdicts: readonly (readonly [prefix: string, verdict: Verdict])[] = [
  ['AWS::IAM::', dropped('there is no IAM; credentials come from the environment')],
  ['AWS::ApiGateway', dropped('routes are served by the gateway, from the functions’ events')],
  ['AWS::Lambda::', dropped('functions are deployed from "functions"')],
  ['AWS::S3::BucketPolicy', dropped('there is no IAM')],
  ['AWS::SQS::QueuePolicy', dropped('there is no IAM')],
  ['AWS::SNS::TopicPolicy', dropped('there is no IAM')],
  ['AWS::EC2::', dropped('functions share the network of the machine or cluster')],
  ['AWS::CloudWatch::', dropped('metrics and alarms are Prometheus’, see the documentation')],
  ['AWS::Logs::', dropped('logs are kept by the runtime: sls logs')],
];

/** Plugins by package name. Others are `manual`: they may call AWS. */
export const pluginVerdicts: Readonly<Record<string, Verdict>> = {
  'serverless-knit': kept('it is this plugin'),
  'serverless-esbuild': kept('it bundles without AWS'),
  'serverless-webpack': kept('it bundles without AWS'),
  'serverless-bundle': kept('it bundles without AWS'),
  'serverless-plugin-typescript': kept('it compiles without AWS'),
  'serverless-python-requirements': kept('it installs packages without AWS'),
  'serverless-dotenv-plugin': kept('it reads .env files'),
  'serverless-plugin-common-excludes': kept('it leaves files out of the package'),
  'serverless-plugin-include-dependencies': kept('it chooses files of the package'),
  'serverless-offline': dropped('the runtime itself is local: knit up'),
  'serverless-dynamodb-local': dropped('it starts a database through AWS’s template'),
  'serverless-offline-sqs': dropped('it belongs to serverless-offline'),
  'serverless-offline-sns': dropped('it belongs to serverless-offline'),
  'serverless-s3-local': dropped('it belongs to serverless-offline'),
  'serverless-pseudo-parameters': dropped('pseudo parameters are replaced by this migration'),
  'serverless-iam-roles-per-function': dropped('there is no IAM'),
  'serverless-prune-plugin': dropped('revisions are collected by the runtime'),
  'serverless-plugin-warmup': dropped('use "scale.min" to keep an instance'),
  'serverless-plugin-canary-deployments': dropped('it shifts traffic of Lambda aliases'),
  'serverless-plugin-tracing': dropped('it configures AWS X-Ray'),
  'serverless-plugin-aws-alerts': dropped('it makes CloudWatch alarms'),
  'serverless-plugin-split-stacks': dropped('there is no CloudFormation stack'),
  'serverless-plugin-log-retention': dropped('it configures CloudWatch'),
  'serverless-deployment-bucket': dropped('nothing is uploaded to S3'),
  'serverless-s3-deploy': manual('it uploads to S3', 'upload with the tool of your object store'),
  'serverless-s3-sync': manual('it uploads to S3', 'upload with the tool of your object store'),
  'serverless-domain-manager': manual(
    'it configures Route 53 and API Gateway',
    'set "provider.domain"',
  ),
  'serverless-step-functions': manual(
    'state machines of AWS Step Functions have no counterpart here',
    'chain the functions by events: each replies with the event that starts the next',
  ),
  'serverless-lift': manual(
    'its constructs are CloudFormation',
    'use events of the broker in place of a queue',
  ),
  'serverless-appsync-plugin': manual(
    'it configures AWS AppSync',
    'serve GraphQL from a function over HTTP',
  ),
  'serverless-wsgi': manual(
    'it wraps WSGI applications for API Gateway',
    'wrap the application in the handler with an adapter such as apig-wsgi or Mangum',
  ),
};

export const otherPlugin: Verdict = manual(
  'this plugin is not known here and may call AWS',
  'try it; remove it if it asks for credentials',
);

const otherResource: Verdict = manual(
  'CloudFormation resources are not created',
  'create what it stands for by hand and set its address in the environment',
);

/** @param type as `AWS::S3::Bucket`; '' where there is none. */
export function judgeResource(type: string): Verdict {
  const known = resourceVerdicts[type];
  if (known) return known;
  const group = resourceGroupVerdicts.find(([prefix]) => type.startsWith(prefix));
  return group?.[1] ?? otherResource;
}
