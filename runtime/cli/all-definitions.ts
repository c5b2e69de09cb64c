/** Every kind that the local API server knows. */
import { appsDefinitions } from '../apis/apps/definitions.ts';
import { autoscalingDefinitions } from '../apis/autoscaling/definitions.ts';
import { coreDefinitions } from '../apis/core/definitions.ts';
import { eventingDefinitions } from '../apis/eventing/definitions.ts';
import { gatewayDefinitions } from '../apis/gateway/definitions.ts';
import type { KindDefinition } from '../apis/meta/kind-definition.ts';
import { networkingDefinitions } from '../apis/networking/definitions.ts';
import { servingDefinitions } from '../apis/serving/definitions.ts';
import { sourcesDefinitions } from '../apis/sources/definitions.ts';
import { tektonDefinitions } from '../apis/tekton/definitions.ts';

export const allDefinitions: readonly KindDefinition[] = [
  ...coreDefinitions,
  ...appsDefinitions,
  ...gatewayDefinitions,
  ...servingDefinitions,
  ...networkingDefinitions,
  ...autoscalingDefinitions,
  ...eventingDefinitions,
  ...sourcesDefinitions,
  ...tektonDefinitions,
] as unknown as readonly KindDefinition[];
