/** A schedule as a PingSource that calls the function's internal path. */
import { eventPath } from '../../../runtime/apis/knit.ts';
import { childName } from '../../../runtime/apis/meta/child-name.ts';
import { apiVersionOf } from '../../../runtime/apis/meta/object.ts';
import { serviceKind } from '../../../runtime/apis/serving/types.ts';
import { pingSourceKind, type PingSource } from '../../../runtime/apis/sources/types.ts';
import { toObjectName } from '../../config/function-name.ts';
import type { FunctionModel, ServiceModel } from '../../config/service-model.ts';
import { ownLabels } from '../object-labels.ts';

/**
 * Named by position unless the event has a name: a PingSource has no memory that a renumbering
 * could lose.
 */
export function compileSchedules(model: ServiceModel, fn: FunctionModel): readonly PingSource[] {
  return fn.events
    .filter((event) => event.type === 'schedule')
    .map((event, index) => {
      const suffix =
        event.name === undefined
          ? `-schedule${index === 0 ? '' : `-${index + 1}`}`
          : `-schedule-${toObjectName(event.name)}`;
      return {
        apiVersion: apiVersionOf(pingSourceKind),
        kind: pingSourceKind.kind,
        metadata: {
          name: childName(fn.name, suffix),
          namespace: model.namespace,
          labels: ownLabels(model),
        },
        spec: {
          schedule: event.cron,
          ...(event.timezone === undefined ? {} : { timezone: event.timezone }),
          ...(event.input === undefined
            ? {}
            : { contentType: 'application/json', data: event.input }),
          sink: {
            ref: {
              apiVersion: apiVersionOf(serviceKind),
              kind: serviceKind.kind,
              name: fn.name,
              namespace: model.namespace,
            },
            // Plain containers take the CloudEvent at their root, as from any Knative source.
            ...(fn.source.type === 'handler' ? { uri: eventPath('schedule') } : {}),
          },
        },
      };
    });
}
