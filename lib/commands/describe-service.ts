/** What is deployed and where to reach it: for `info`, and at the end of a deployment. */
import { isObjectReady } from '../../runtime/apis/meta/condition.ts';
import { serviceKind, type Service } from '../../runtime/apis/serving/types.ts';
import { httpApiHost, routeKey } from '../compile/events/http.ts';
import { ownSelector } from '../compile/object-labels.ts';
import type { FunctionModel, ServiceModel } from '../config/service-model.ts';
import type { Target } from '../target/target.ts';

export interface ServiceDescription {
  readonly model: ServiceModel;
  readonly target: string;
  readonly endpoints: readonly { route: string; url: string; functionKey: string }[];
  readonly functions: readonly FunctionDescription[];
}

export interface FunctionDescription {
  readonly key: string;
  readonly url: string;
  readonly revision: string;
  readonly isReady: boolean;
  readonly events: readonly string[];
}

export async function describeService(
  target: Target,
  model: ServiceModel,
): Promise<ServiceDescription> {
  const { items } = await target.client.list(serviceKind, {
    namespace: model.namespace,
    labelSelector: ownSelector(model),
  });
  const services = new Map(items.map((service) => [service.metadata.name, service]));
  return {
    model,
    target: target.description,
    endpoints: model.functions.flatMap((fn) =>
      fn.events
        .filter((event) => event.type === 'http')
        .map((event) => ({
          route: routeKey(event),
          url: publicUrl(target, httpApiHost(model), event.path === '$default' ? '/' : event.path),
          functionKey: fn.key,
        })),
    ),
    functions: model.functions.map((fn) => describeFunction(target, model, { fn, services })),
  };
}

/** As this machine reaches it: the gateway's port belongs to every address. */
export function publicUrl(target: Target, host: string, path = ''): string {
  const port = target.gateway === undefined ? '' : new URL(target.gateway).port;
  return `http://${host}${port === '' || port === '80' ? '' : `:${port}`}${path}`;
}

/** Host of one function. */
export const functionHost = (model: ServiceModel, fn: FunctionModel): string =>
  `${fn.name}.${model.namespace}.${model.domain}`;

function describeFunction(
  target: Target,
  model: ServiceModel,
  { fn, services }: { fn: FunctionModel; services: ReadonlyMap<string, Service> },
): FunctionDescription {
  const service = services.get(fn.name);
  return {
    key: fn.key,
    url: publicUrl(target, functionHost(model, fn)),
    revision: service?.status?.latestReadyRevisionName ?? 'not deployed',
    isReady: service !== undefined && isObjectReady(service),
    events: fn.events.flatMap((event) => {
      if (event.type === 'schedule') return [`schedule ${event.cron}`];
      if (event.type === 'trigger')
        return [`${event.eventType ?? 'events'} on broker ${event.broker ?? model.broker}`];
      return [];
    }),
  };
}

export function formatDescription(description: ServiceDescription): string {
  const { model } = description;
  const lines = [
    `service: ${model.service}`,
    `stage: ${model.stage}`,
    `namespace: ${model.namespace}`,
    `target: ${description.target}`,
  ];
  if (description.endpoints.length > 0) {
    lines.push('endpoints:');
    for (const { route, url, functionKey } of description.endpoints)
      lines.push(`  ${route.split(' ')[0] ?? ''} - ${url} (${functionKey})`);
  }
  lines.push('functions:');
  for (const fn of description.functions) {
    lines.push(`  ${fn.key}: ${fn.url} (${fn.revision}${fn.isReady ? '' : ', not ready'})`);
    for (const event of fn.events) lines.push(`    ${event}`);
  }
  return lines.join('\n');
}

/** The block that serverless-compose reads other services' outputs from. */
export function formatOutputs(description: ServiceDescription): string {
  const { model, functions, endpoints } = description;
  const outputs: [string, string][] = [['Namespace', model.namespace]];
  if (endpoints[0]) outputs.push(['HttpApiUrl', new URL(endpoints[0].url).origin]);
  for (const fn of functions) outputs.push([`${toPascal(fn.key)}Url`, fn.url]);
  return ['Stack Outputs:', ...outputs.map(([name, value]) => `  ${name}: ${value}`)].join('\n');
}

const toPascal = (text: string): string =>
  text.replace(/(?:^|[-_]+)([a-zA-Z0-9])/g, (_, first: string) => first.toUpperCase());
