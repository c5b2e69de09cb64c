/**
 * The service model to API objects: everything that a release applies, in the order in which it is
 * applied. Pure; images are known by then. The namespace is not part of it: it may be shared.
 */
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import type { ServiceModel } from '../config/service-model.ts';
import { compileHttp } from './events/http.ts';
import { compileSchedules } from './events/schedule.ts';
import { compileBrokers, compileTriggers } from './events/trigger.ts';
import { makeKnativeService } from './make-knative-service.ts';

/** @param images function key to image reference; every function must be in it. */
export function compileService(
  model: ServiceModel,
  images: Readonly<Record<string, string>>,
): readonly KubeObject[] {
  const objects: KubeObject[] = [...compileBrokers(model)];
  // Functions come before what sends them requests.
  for (const fn of model.functions) {
    const image = images[fn.key];
    if (image === undefined) throw new Error(`function "${fn.key}" has no image`);
    objects.push(makeKnativeService(model, fn, image));
  }
  for (const fn of model.functions)
    objects.push(
      ...compileHttp(model, fn),
      ...compileSchedules(model, fn),
      ...compileTriggers(model, fn),
    );
  return objects;
}
