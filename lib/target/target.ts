/**
 * Which API a command talks to, and where its gateway is. `local` reads the runtime's own files and
 * loads nothing heavy; `kubernetes` goes through a kubeconfig.
 */
import type { ServiceModel } from '../config/service-model.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';

export interface Target {
  readonly client: KubeClient;
  /** Base URL of the gateway as this machine reaches it; undefined where the target does not tell. */
  readonly gateway?: string;
  /** Base URL of the brokers as this machine reaches them. */
  readonly broker?: string;
  /** For messages: `local runtime at ~/.knit`. */
  readonly description: string;
  close(): Promise<void>;
}

/** @throws {UserError} when the target is not there, with how to get it. */
export async function connectTarget(
  model: Pick<ServiceModel, 'target' | 'context'>,
  env: NodeJS.ProcessEnv,
): Promise<Target> {
  if (model.target === 'kubernetes') {
    const { connectKubernetes } = await import('./kubernetes-target.ts');
    return connectKubernetes(model.context);
  }
  const { connectLocal } = await import('./local-target.ts');
  return connectLocal(env);
}
