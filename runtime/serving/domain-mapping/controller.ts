/** Wires the DomainMapping controller: looked at when it, its claim, its target or an Ingress changes. */
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import { clusterDomainClaimKind, ingressKind } from '../../apis/networking/types.ts';
import { ingressName } from '../../apis/serving/names.ts';
import { domainMappingKind, routeKind, serviceKind } from '../../apis/serving/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import { controllerKeyOf, makePlanController } from '../controllers.ts';
import type { ServingConfigSource } from '../serving-config.ts';
import { planDomainMapping } from './domain-mapping.ts';
import { mappingIngressName } from './make-ingress.ts';

export function makeDomainMappingController(
  context: ControllerContext,
  config: ServingConfigSource,
): Controller {
  const mappings = context.informers.informer(domainMappingKind);
  const claims = context.informers.informer(clusterDomainClaimKind);
  const services = context.informers.informer(serviceKind);
  const routes = context.informers.informer(routeKind);
  const ingresses = context.informers.informer(ingressKind);
  const controller = makePlanController(context, {
    name: 'domainmapping-controller',
    plan: (key) => {
      const { namespace, name } = splitKey(key);
      const mapping = mappings.get(namespace, name);
      if (!mapping) return undefined;
      const { kind, name: target = '' } = mapping.spec.ref;
      const observed = {
        mapping,
        claim: claims.get('', name),
        target: (kind === 'Service' ? services : routes).get(namespace, target),
        // A Service's Route has its name.
        targetIngress: ingresses.get(namespace, ingressName(target)),
        ingress: ingresses.get(namespace, mappingIngressName(name)),
      };
      return planDomainMapping(observed, config.current, context.clock.now());
    },
  });
  /** Mappings of the namespace that refer to an object of this name: few, and rarely any. */
  const referringTo = ({ metadata }: KubeObject): string[] =>
    mappings
      .list({ namespace: metadata.namespace ?? '' })
      .filter(({ spec }) => spec.ref.name === metadata.name)
      .map((mapping) => keyOf(mapping.metadata));
  controller.watch(mappings);
  controller.watch(claims, ({ metadata }) =>
    mappings
      .list()
      .filter((mapping) => mapping.metadata.name === metadata.name)
      .map((mapping) => keyOf(mapping.metadata)),
  );
  controller.watch(services, referringTo);
  controller.watch(routes, referringTo);
  controller.watch(ingresses, (ingress) => [
    ...controllerKeyOf('DomainMapping')(ingress),
    ...referringTo(ingress),
  ]);
  return controller;
}
