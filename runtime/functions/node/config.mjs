/** Reads the function server's configuration from the environment, with every default in one place. */

/** The styles that a function can be written in; the value of `KNIT_STYLE`. */
export const styles = ['lambda', 'http', 'cloudevent', 'gcf', 'azure', 'openwhisk'];

/** Knative's default request timeout, for functions deployed without one. */
const timeoutSecondsDefault = 300;

/**
 * @throws when a variable has an unusable value; the message names it.
 */
export function readConfig(env) {
  const style = env.KNIT_STYLE || undefined;
  if (style !== undefined && !styles.includes(style))
    throw new Error(`KNIT_STYLE is ${style}, must be one of ${styles.join(', ')}`);
  const functionName = env.AWS_LAMBDA_FUNCTION_NAME || env.K_SERVICE || 'function';
  const config = {
    port: Number(env.PORT || 8080),
    // Undefined binds the unspecified IPv6 address where there is one, else 0.0.0.0.
    host: env.HOST || undefined,
    handler: env['_HANDLER'] || 'index.handler',
    taskRoot: env.LAMBDA_TASK_ROOT || '/var/task',
    style,
    timeoutMs: Number(env.KNIT_TIMEOUT_SECONDS || timeoutSecondsDefault) * 1000,
    stage: env.KNIT_STAGE || '$default',
    functionName,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION || env.K_REVISION || '$LATEST',
    memoryMb: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE || '1024',
    region: env.AWS_REGION || 'us-east-1',
    accountId: env.AWS_ACCOUNT_ID || '000000000000',
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME || `/aws/lambda/${functionName}`,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME || env.HOSTNAME || 'local',
    eventSource: `${env.KNIT_NAMESPACE ? `/apis/v1/namespaces/${env.KNIT_NAMESPACE}` : ''}/services/${env.K_SERVICE || functionName}`,
  };
  if (!Number.isInteger(config.port) || config.port < 0 || config.port > 65_535)
    throw new Error(`PORT is ${env.PORT}, must be in [0, 65535]`);
  if (!(config.timeoutMs > 0))
    throw new Error(`KNIT_TIMEOUT_SECONDS is ${env.KNIT_TIMEOUT_SECONDS}, must be above 0`);
  return config;
}
