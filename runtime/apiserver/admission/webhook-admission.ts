/**
 * Admission by other people's webhooks: mutating ones in order, each seeing what the ones before made
 * of the object; validating ones at once. Nobody is asked while no rule matches, and then everything
 * stays synchronous. Source: k8s.io/apiserver pkg/admission/plugin/webhook (behaviour, words).
 */
import type { Webhook } from '../../apis/admissionregistration/types.ts';
import { namespaceKind } from '../../apis/core/types.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import type { Logger } from '../../std/logger.ts';
import { isJsonObject, jsonEqual, type JsonObject } from '../json-value.ts';
import type { KindRegistry } from '../kind-registry.ts';
import { andThen, type MaybePromise } from '../maybe-promise.ts';
import type { ObjectVersions } from '../object-versions.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { StatusError } from '../status-error.ts';
import type { Store } from '../store/store.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission-chain.ts';
import {
  dryRunUnsupported,
  makeDenial,
  makeReview,
  namespaceOf,
  readAnswer,
  type Invocation,
  type ReviewAnswer,
} from './admission-review.ts';
import { compileConditions, type CompiledConditions } from './match-conditions.ts';
import type { WebhookClient } from './webhook-client.ts';
import { WebhookIndex } from './webhook-index.ts';
import { isEmptySelector, matchesSelector } from './webhook-rules.ts';

const namespacesStore = `${namespaceKind.group}/${namespaceKind.plural}`;
const TIMEOUT_SECONDS_DEFAULT = 10;

export interface WebhookAdmissionOptions {
  readonly store: Store;
  readonly registry: KindRegistry;
  readonly client: WebhookClient;
  /** Makes the version of an object that a hook's rules name. */
  readonly versions: ObjectVersions;
  readonly newUid: () => string;
  readonly logger: Logger;
}

/** A hook that is to be called, and the request as it is told. */
interface Call {
  readonly candidate: Invocation;
  readonly versioned: AdmissionRequest;
}

/** No answer, or none that can be used: what `failurePolicy` is about. A refusal is none of these. */
class WebhookFailure extends Error {}

export class WebhookAdmission implements AdmissionPlugin {
  private readonly options: WebhookAdmissionOptions;
  private readonly mutating: WebhookIndex;
  private readonly validating: WebhookIndex;
  /** By hook as stored, so that a changed configuration is compiled anew. */
  private readonly compiled = new WeakMap<Webhook, CompiledConditions>();

  constructor(options: WebhookAdmissionOptions) {
    const { store, registry } = options;
    this.options = options;
    this.mutating = new WebhookIndex({ store, registry, isMutating: true });
    this.validating = new WebhookIndex({ store, registry, isMutating: false });
  }

  mutate(request: AdmissionRequest): MaybePromise<KubeObject | undefined> {
    const candidates = this.mutating.find(request);
    if (candidates.length === 0) return request.object;
    return this.mutateBy(candidates, request);
  }

  validate(request: AdmissionRequest): MaybePromise<void> {
    const candidates = this.validating.find(request);
    if (candidates.length === 0) return assertConditionsCompile(request);
    const chosen = candidates.map((candidate) =>
      andThen(this.versioned(candidate, request), (versioned) =>
        this.concerns(candidate, versioned) ? { candidate, versioned } : undefined,
      ),
    );
    if (chosen.every((call) => call === undefined)) return undefined;
    return this.validateBy(chosen);
  }

  private async mutateBy(
    candidates: readonly Invocation[],
    request: AdmissionRequest,
  ): Promise<KubeObject | undefined> {
    let current = request;
    /** Hooks that want another look, and what the object was when they had theirs. */
    const called = new Map<Invocation, KubeObject | undefined>();
    for (const candidate of candidates) {
      const versioned = await this.versioned(candidate, current);
      if (!this.concerns(candidate, versioned)) continue;
      current = withObject(current, await this.mutateOnce(candidate, current, versioned));
      if (candidate.hook.reinvocationPolicy === 'IfNeeded') called.set(candidate, current.object);
    }
    // One more round at most, for those whose own result somebody changed after them.
    for (const [candidate, seen] of called) {
      if (jsonEqual(seen, current.object)) continue;
      const versioned = await this.versioned(candidate, current);
      if (!this.concerns(candidate, versioned)) continue;
      current = withObject(current, await this.mutateOnce(candidate, current, versioned));
    }
    return current.object;
  }

  /** The request with its objects in the version that a hook's rules name; mostly it is itself. */
  private versioned(
    { resource: matched }: Invocation,
    request: AdmissionRequest,
  ): MaybePromise<AdmissionRequest> {
    const { resource, object, oldObject } = request;
    if (!resource.custom) return request;
    const convert = (one: KubeObject | undefined): MaybePromise<KubeObject | undefined> =>
      one === undefined || one.kind !== resource.kind
        ? one
        : this.options.versions.convert(resource, one, matched.apiVersion);
    return andThen(convert(object), (next) =>
      andThen(convert(oldObject), (before) =>
        next === object && before === oldObject
          ? request
          : { ...request, object: next, oldObject: before },
      ),
    );
  }

  /** @param versioned what the hook is told of `request`. @returns the object in the request's version. */
  private async mutateOnce(
    invocation: Invocation,
    request: AdmissionRequest,
    versioned: AdmissionRequest,
  ): Promise<KubeObject | undefined> {
    const { hook } = invocation;
    const answer = await this.ask(invocation, versioned, true);
    if (answer?.patch === undefined) return request.object;
    const patch = decodePatch(answer.patch);
    if (patch instanceof WebhookFailure) {
      this.fail(hook, patch);
      return request.object;
    }
    if (patch.length === 0) return request.object;
    if (request.object === undefined || versioned.object === undefined)
      throw StatusError.internal(
        `admission webhook ${JSON.stringify(hook.name)} attempted to modify the object, which is not supported for this operation`,
      );
    const patched = applyPatch(versioned.object, patch);
    if (versioned === request) return patched;
    return this.options.versions.convert(request.resource, patched, request.object.apiVersion);
  }

  private async validateBy(calls: readonly MaybePromise<Call | undefined>[]): Promise<void> {
    const results = await Promise.allSettled(
      calls.map(async (promised) => {
        const call = await promised;
        if (call) await this.ask(call.candidate, call.versioned, false);
      }),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** Namespace, labels and conditions: what rules do not say. @throws {StatusError} 403, 404 */
  private concerns({ hook, resource }: Invocation, request: AdmissionRequest): boolean {
    const { object, oldObject } = request;
    if (
      !isEmptySelector(hook.objectSelector) &&
      ![object, oldObject].some(
        (one) => one && matchesSelector(hook.objectSelector, one.metadata?.labels),
      )
    )
      return false;
    if (!isEmptySelector(hook.namespaceSelector) && !this.matchesNamespace(hook, request))
      return false;
    if (!hook.matchConditions || hook.matchConditions.length === 0) return true;
    try {
      let conditions = this.compiled.get(hook);
      if (!conditions) {
        conditions = compileConditions(hook.matchConditions);
        this.compiled.set(hook, conditions);
      }
      const review = makeReview(request, { hook, resource }, '');
      return conditions(review['request'] as JsonObject);
    } catch (error) {
      if (hook.failurePolicy === 'Ignore') return false;
      throw StatusError.forbidden(request.resource, request.name, (error as Error).message);
    }
  }

  /** Cluster-scoped objects are in no namespace, and so in every one that a selector means. */
  private matchesNamespace(hook: Webhook, request: AdmissionRequest): boolean {
    const namespace = namespaceOf(request);
    if (namespace === '') return true;
    // The store does not have the labels of a Namespace that is being written yet.
    const isNamespace = request.resource.storeName === namespacesStore;
    const holder =
      isNamespace && request.object && request.subresource === undefined
        ? request.object
        : this.options.store.get(namespacesStore, '', namespace);
    if (!holder) throw StatusError.notFound(namespaceKind, namespace);
    return matchesSelector(hook.namespaceSelector, holder.metadata.labels);
  }

  /** @returns undefined when the call failed and that does not matter. @throws {StatusError} */
  private async ask(
    invocation: Invocation,
    request: AdmissionRequest,
    isMutating: boolean,
  ): Promise<ReviewAnswer | undefined> {
    const { hook } = invocation;
    if (request.dryRun && hook.sideEffects !== 'None' && hook.sideEffects !== 'NoneOnDryRun')
      throw dryRunUnsupported(hook.name);
    let answer: ReviewAnswer;
    try {
      answer = await this.call(invocation, request, isMutating);
    } catch (error) {
      if (!(error instanceof WebhookFailure)) throw error;
      this.fail(hook, error);
      return undefined;
    }
    request.warnings.push(...answer.warnings);
    if (!answer.isAllowed) throw makeDenial(hook.name, answer.result);
    return answer;
  }

  /** @throws {WebhookFailure} */
  private async call(
    invocation: Invocation,
    request: AdmissionRequest,
    isMutating: boolean,
  ): Promise<ReviewAnswer> {
    const { hook } = invocation;
    const uid = this.options.newUid();
    const review = attempt('could not create admission objects', () =>
      makeReview(request, invocation, uid),
    );
    let answer: unknown;
    try {
      answer = await this.options.client.post(
        hook.clientConfig,
        review,
        hook.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT,
      );
    } catch (error) {
      throw new WebhookFailure(`failed to call webhook: ${(error as Error).message}`, {
        cause: error,
      });
    }
    const apiVersion = String(review['apiVersion']);
    return attempt('received invalid webhook response', () =>
      readAnswer(answer, { apiVersion, uid, isMutating }),
    );
  }

  private fail(hook: Webhook, failure: WebhookFailure): void {
    const message = `failed calling webhook ${JSON.stringify(hook.name)}: ${failure.message}`;
    if (hook.failurePolicy !== 'Ignore') throw StatusError.internal(message);
    this.options.logger.warn('a webhook failed, and its policy lets the write pass', {
      webhook: hook.name,
      error: failure.message,
    });
  }
}

const withObject = (request: AdmissionRequest, object: KubeObject | undefined): AdmissionRequest =>
  object === request.object ? request : { ...request, object };

/** @throws {WebhookFailure} */
function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new WebhookFailure(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

function decodePatch(base64: string): unknown[] | WebhookFailure {
  try {
    const patch: unknown = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
    if (Array.isArray(patch)) return patch;
    return new WebhookFailure('received undecodable patch in webhook response: not a list');
  } catch (error) {
    return new WebhookFailure(
      `received undecodable patch in webhook response: ${(error as Error).message}`,
    );
  }
}

/** A patch that does not fit is the webhook's fault, and so never a 4xx for the client. */
function applyPatch(object: KubeObject, patch: readonly unknown[]): KubeObject {
  let patched: unknown;
  try {
    patched = applyJsonPatch(object, patch);
  } catch (error) {
    throw StatusError.internal((error as Error).message);
  }
  if (!isJsonObject(patched) || !isJsonObject(patched['metadata']))
    throw StatusError.internal('the patch of a webhook leaves no object with metadata');
  return patched as unknown as KubeObject;
}

/** Conditions are compiled when they are written, so that a write that they judge is not the first to know. */
function assertConditionsCompile({ resource, object }: AdmissionRequest): void {
  if (resource.group !== 'admissionregistration.k8s.io' || !object) return;
  const { webhooks } = object as KubeObject & { webhooks?: readonly Webhook[] };
  const causes = (webhooks ?? []).flatMap(({ matchConditions = [] }, index) =>
    matchConditions.flatMap((condition, at) => {
      try {
        compileConditions([condition]);
        return [];
      } catch (error) {
        return [
          {
            reason: 'FieldValueInvalid',
            message: `Invalid value: ${JSON.stringify(condition.expression)}: ${(error as Error).message}`,
            field: `webhooks[${index}].matchConditions[${at}].expression`,
          },
        ];
      }
    }),
  );
  if (causes.length > 0) throw StatusError.invalid(resource, object.metadata.name, causes);
}
