/** Every kind that the local API server knows. */
import { admissionregistrationDefinitions } from '../apis/admissionregistration/definitions.ts';
import { appsDefinitions } from '../apis/apps/definitions.ts';
import { authenticationDefinitions } from '../apis/authentication/definitions.ts';
import { authorizationDefinitions } from '../apis/authorization/definitions.ts';
import { autoscalingDefinitions } from '../apis/autoscaling/definitions.ts';
import { horizontalDefinitions } from '../apis/autoscaling/horizontal-definitions.ts';
import { batchDefinitions } from '../apis/batch/definitions.ts';
import { coordinationDefinitions } from '../apis/coordination/definitions.ts';
import { coreDefinitions } from '../apis/core/definitions.ts';
import { discoveryDefinitions } from '../apis/discovery/definitions.ts';
import { eventsDefinitions } from '../apis/events/definitions.ts';
import { eventingDefinitions } from '../apis/eventing/definitions.ts';
import { gatewayDefinitions } from '../apis/gateway/definitions.ts';
import type { KindDefinition } from '../apis/meta/kind-definition.ts';
import { builtinNetworkingDefinitions } from '../apis/networking/builtin-definitions.ts';
import { networkingDefinitions } from '../apis/networking/definitions.ts';
import { policyDefinitions } from '../apis/policy/definitions.ts';
import { rbacDefinitions } from '../apis/rbac/definitions.ts';
import { schedulingDefinitions } from '../apis/scheduling/definitions.ts';
import type { ServingAdmissionConfig } from '../apis/serving/admission-config.ts';
import { defaultServingAdmissionConfig } from '../apis/serving/admission-config.ts';
import { makeServingDefinitions } from '../apis/serving/definitions.ts';
import { sourcesDefinitions } from '../apis/sources/definitions.ts';
import { storageDefinitions } from '../apis/storage/definitions.ts';
import { tektonDefinitions } from '../apis/tekton/definitions.ts';
import { withConfigMapRules } from './config-map-rules.ts';

/** @param servingConfig asked at each write of a kind of Serving. */
export const makeAllDefinitions = (
  servingConfig: () => ServingAdmissionConfig,
): readonly KindDefinition[] => [
  ...coreDefinitions.map(withConfigMapRules),
  ...eventsDefinitions,
  ...appsDefinitions,
  ...batchDefinitions,
  ...horizontalDefinitions,
  ...policyDefinitions,
  ...storageDefinitions,
  ...schedulingDefinitions,
  ...builtinNetworkingDefinitions,
  ...coordinationDefinitions,
  ...rbacDefinitions,
  ...authenticationDefinitions,
  ...authorizationDefinitions,
  ...admissionregistrationDefinitions,
  ...discoveryDefinitions,
  ...gatewayDefinitions,
  ...makeServingDefinitions(servingConfig),
  ...networkingDefinitions,
  ...autoscalingDefinitions,
  ...eventingDefinitions,
  ...sourcesDefinitions,
  ...tektonDefinitions,
];

/** The definitions under Knative's own defaults. */
export const allDefinitions = makeAllDefinitions(() => defaultServingAdmissionConfig);
