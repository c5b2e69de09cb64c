/**
 * One function as a Knative Service. The template holds nothing that differs between two
 * deployments of the same input (no release, no time), because every difference there is a revision.
 */
import type { EnvVar } from '../../runtime/apis/core/types.ts';
import { functionNameAnnotation, runtimeAnnotation } from '../../runtime/apis/knit.ts';
import { apiVersionOf } from '../../runtime/apis/meta/object.ts';
import { progressDeadlineAnnotationKey } from '../../runtime/apis/serving/labels.ts';
import { serviceKind, type Service } from '../../runtime/apis/serving/types.ts';
import type { FunctionModel, ScaleModel, ServiceModel } from '../config/service-model.ts';
import { ownLabels } from './object-labels.ts';

/**
 * Until a revision has to be ready. A function server starts within a second or two, and imports the
 * handler first: one that is not ready after this long hangs in its own code.
 */
const FUNCTION_DEADLINE = '30s';
/** A container may come from a slow registry, and warm up for as long as its author likes. */
const CONTAINER_DEADLINE = '120s';

/** @param image reference with digest, as built, or the function's own image. */
export function makeKnativeService(model: ServiceModel, fn: FunctionModel, image: string): Service {
  const { source } = fn;
  const annotations = {
    ...scaleAnnotations(fn.scale),
    [progressDeadlineAnnotationKey]:
      source.type === 'handler' ? FUNCTION_DEADLINE : CONTAINER_DEADLINE,
    ...(source.type === 'handler' ? { [runtimeAnnotation]: source.runtime } : {}),
  };
  return {
    apiVersion: apiVersionOf(serviceKind),
    kind: serviceKind.kind,
    metadata: {
      name: fn.name,
      namespace: model.namespace,
      labels: ownLabels(model),
      annotations: { [functionNameAnnotation]: fn.functionName },
    },
    spec: {
      template: {
        metadata: { annotations },
        spec: {
          containerConcurrency: fn.concurrency,
          ...(fn.timeoutSeconds === undefined ? {} : { timeoutSeconds: fn.timeoutSeconds }),
          containers: [
            {
              name: 'user-container',
              image,
              ...(source.type === 'image' && source.command
                ? { command: [...source.command] }
                : {}),
              ...(source.type === 'image' && source.args ? { args: [...source.args] } : {}),
              ...(source.type === 'image' && source.workingDir
                ? { workingDir: source.workingDir }
                : {}),
              env: makeEnvironment(model, fn),
              resources: { limits: { memory: `${fn.memoryMiB}Mi` } },
            },
          ],
        },
      },
    },
  };
}

const AUTOSCALING = 'autoscaling.knative.dev';

function scaleAnnotations(scale: ScaleModel): Record<string, string> {
  const values: Record<string, string | number | undefined> = {
    'initial-scale': scale.initial,
    'max-scale': scale.max,
    metric: scale.metric,
    'min-scale': scale.min,
    'scale-down-delay': scale.scaleDownDelay,
    target: scale.target,
    window: scale.window,
  };
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [`${AUTOSCALING}/${name}`, String(value)]),
  );
}

/** Sorted by name, so that order in serverless.yml is not a change. */
function makeEnvironment(model: ServiceModel, fn: FunctionModel): EnvVar[] {
  const environment = { ...platformEnvironment(model, fn), ...fn.environment };
  return Object.entries(environment)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value }));
}

/** What a handler may read on Lambda and the function server needs; plain containers get none of it. */
export function platformEnvironment(
  model: ServiceModel,
  fn: FunctionModel,
): Record<string, string> {
  if (fn.source.type !== 'handler') return {};
  return {
    AWS_DEFAULT_REGION: model.region,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(fn.memoryMiB),
    AWS_LAMBDA_FUNCTION_NAME: fn.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_REGION: model.region,
    KNIT_NAMESPACE: model.namespace,
    ...(fn.timeoutSeconds === undefined ? {} : { KNIT_TIMEOUT_SECONDS: String(fn.timeoutSeconds) }),
    ...(fn.style === undefined ? {} : { KNIT_STYLE: fn.style }),
    _HANDLER: fn.source.handler,
  };
}
