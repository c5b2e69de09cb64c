/**
 * The language of the behavioural cases: each is a name and a list of requests. Data, so that the same
 * list runs against any API server; what the real one answers is the expectation.
 */

/** Answers saved by earlier steps of the case, and `ns` and `id`. */
export type Variables = Record<string, any>;

export interface Step {
  readonly method: string;
  /** With query. `{ns}`, `{id}` and `{variable.path}` are filled in. */
  readonly path: string;
  /** A string is sent as it is; texts inside of other values are filled in; a function gets the variables. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Impersonates this user, with these groups. @default the administrator */
  readonly as?: { readonly user: string; readonly groups?: readonly string[] };
  /** Keeps the answer's body under this name. */
  readonly save?: string;
  /** Repeats the request, within 20 s, until this holds; the transcript has the last answer. */
  readonly until?: (answer: Answer) => boolean;
  /** The answer does not belong to the transcript. */
  readonly isSilent?: boolean;
  /** Only these parts of the answer's body are compared (dotted paths). */
  readonly only?: readonly string[];
  /** What of a success is compared, where paths cannot say it; the body before it is normalised. */
  readonly view?: (body: any, variables: Variables) => unknown;
  /** Headers of the answer that are compared too, in lower case. */
  readonly withHeaders?: readonly string[];
  /** The answer's `managedFields` are compared; otherwise they are left out. */
  readonly withManagedFields?: boolean;
  /** Ends a stream after this many events; without it a stream is read to its end. */
  readonly events?: number;
  /** The stream is read in the background; a step with `collect` waits for its events. */
  readonly background?: string;
  /** Waits for the events of a background stream, instead of a request. */
  readonly collect?: string;
}

export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly warnings: readonly string[];
  readonly retryAfter: string | undefined;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Parsed JSON, the events of a watch, or text. */
  readonly body: any;
}

type More = Omit<Step, 'method' | 'path' | 'body'>;

export const get = (path: string, more: More = {}): Step => ({ method: 'GET', path, ...more });
export const post = (path: string, body?: unknown, more: More = {}): Step => ({
  method: 'POST',
  path,
  body,
  ...more,
});
export const put = (path: string, body: unknown, more: More = {}): Step => ({
  method: 'PUT',
  path,
  body,
  ...more,
});
export const del = (path: string, body?: unknown, more: More = {}): Step => ({
  method: 'DELETE',
  path,
  ...(body === undefined ? {} : { body }),
  ...more,
});

const patchWith =
  (contentType: string) =>
  (path: string, body: unknown, more: More = {}): Step => ({
    method: 'PATCH',
    path,
    body,
    contentType,
    ...more,
  });
export const jsonPatch = patchWith('application/json-patch+json');
export const mergePatch = patchWith('application/merge-patch+json');
export const strategicPatch = patchWith('application/strategic-merge-patch+json');
/** Server-side apply; the path's query names the manager. */
export const apply = patchWith('application/apply-patch+yaml');

/** A watch that ends after `events` events, or when its `timeoutSeconds` are over. */
export const watch = (path: string, events: number, more: More = {}): Step => ({
  method: 'GET',
  path,
  events,
  ...more,
});
/** Opens a watch and goes on; `collect` reads it. */
export const startWatch = (name: string, path: string, events: number, more: More = {}): Step => ({
  method: 'GET',
  path,
  events,
  background: name,
  ...more,
});
export const collect = (name: string, more: More = {}): Step => ({
  method: 'GET',
  path: '',
  collect: name,
  ...more,
});
/** Prepares; not compared. */
export const quiet = (step: Step): Step => ({ ...step, isSilent: true });

/** Collections that most cases use. */
export const configMaps = '/api/v1/namespaces/{ns}/configmaps';
export const secrets = '/api/v1/namespaces/{ns}/secrets';
export const services = '/api/v1/namespaces/{ns}/services';
export const pods = '/api/v1/namespaces/{ns}/pods';
export const serviceAccounts = '/api/v1/namespaces/{ns}/serviceaccounts';
export const deployments = '/apis/apps/v1/namespaces/{ns}/deployments';
export const jobs = '/apis/batch/v1/namespaces/{ns}/jobs';
export const leases = '/apis/coordination.k8s.io/v1/namespaces/{ns}/leases';
export const namespaces = '/api/v1/namespaces';
export const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** A ConfigMap as clients write it. */
export const configMap = (name: string, data?: Record<string, string>, metadata = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  ...(data ? { data } : {}),
});

export const podSpec = (more = {}): object => ({
  automountServiceAccountToken: false,
  containers: [{ name: 'main', image: 'registry.example/app:1' }],
  ...more,
});

export const pod = (name: string, spec = {}, metadata = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: podSpec(spec),
});

export const deployment = (name: string, spec = {}, metadata = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, ...metadata },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: podSpec() },
    ...spec,
  },
});
