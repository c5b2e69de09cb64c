/** ConfigMaps of knative-serving are refused when they cannot be read, in the words of Knative's webhook. */
import type { KindDefinition } from '../apis/meta/kind-definition.ts';
import { configMapFault, configWebhookName } from '../apis/serving/config-maps.ts';
import { StatusError } from '../apiserver/status-error.ts';

/** The definition of ConfigMaps with these rules before its own; any other as it is. */
export function withConfigMapRules(definition: KindDefinition): KindDefinition {
  if (definition.kind !== 'ConfigMap') return definition;
  return {
    ...definition,
    validate(object, context) {
      const fault = configMapFault(object);
      if (fault !== undefined)
        throw StatusError.badRequest(
          `admission webhook "${configWebhookName}" denied the request: validation failed: ${fault}`,
        );
      return definition.validate?.(object, context) ?? [];
    },
  };
}
