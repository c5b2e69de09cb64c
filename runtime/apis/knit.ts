/**
 * Names that several rooms of Knit agree on and that no upstream project defines: annotations,
 * headers, internal paths. One place, so that nobody spells them twice.
 */

/** On a ksvc template (and so on Revision, Deployment, Pod): which function server runs it, e.g. `nodejs22.x`; absent = plain container. */
export const runtimeAnnotation = 'knit.dev/runtime';
/** On a ksvc: the Lambda function name that the Invoke API knows it by; `<namespace>-<name>` always works too. */
export const functionNameAnnotation = 'knit.dev/function-name';
/** On everything a deployment applies: `<service>` of serverless.yml; prune works by this label and `releaseLabel`. */
export const serviceLabel = 'knit.dev/service';
/** On everything a deployment applies: id of the release that applied it last. */
export const releaseLabel = 'knit.dev/release';
/** On a Pod run by the process driver: the loopback port on which its serving port can be reached. Absent = the container port on podIP. */
export const hostPortAnnotation = 'knit.dev/host-port';

/** Header on a request that came through an HTTPRoute of the service's HTTP API: `http` | `httpApi` | `alb`. Selects the event payload. */
export const eventSourceHeader = 'Knit-Event-Source';
/** Header beside it: the route that matched, as in serverless.yml, e.g. `GET /hello/{name}`. */
export const routeKeyHeader = 'Knit-Route-Key';
/** Header on the gateway's own errors: `<code>; revision=<name>`. */
export const errorHeader = 'Knit-Error';

/** Paths under this prefix reach a function from inside only (broker, sources, Invoke API): the gateway's external listener answers 404. */
export const internalPathPrefix = '/_knit/';
/** `POST`: the body is the event as is, the answer the result (Lambda's Invoke semantics). */
export const invokePath = '/_knit/invoke';
/** `POST` of a CloudEvent, converted to the payload that the AWS event of this kind has; kinds: schedule, eventBridge, sns, sqs, s3, trigger. */
export const eventPath = (kind: string): string => `/_knit/event/${kind}`;

/** The image repository of what Knit assembles itself: base images, e.g. `knit.local/nodejs22.x:latest`, and function images. Nothing is ever pulled from it. */
export const localRegistry = 'knit.local';
/** Step image that stands for "buildah of this machine": the build runner executes such steps on the node. */
export const buildahImage = 'knit.local/buildah';
