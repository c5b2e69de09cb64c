/** A cluster by kubeconfig context, with every way of authenticating that kubectl has. */
import { KubeClient } from '../../runtime/kube/client.ts';
import { makeHttpTransport } from '../../runtime/kube/http-transport.ts';
import { UserError } from '../user-error.ts';
import type { Target } from './target.ts';

/** What `applyToHTTPSOptions` fills in. */
interface HttpsOptions {
  headers?: Record<string, string>;
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
}

/** @param contextName the current context when undefined. @throws {UserError} when there is none such. */
export async function connectKubernetes(contextName: string | undefined): Promise<Target> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromDefault();
  const names = config.getContexts().map(({ name }) => name);
  const name = contextName ?? config.getCurrentContext();
  if (!names.includes(name))
    throw new UserError(
      `The kubeconfig has no context "${name}"; it has ${names.join(', ') || 'none'}. Set ` +
        '"provider.context", or KUBECONFIG to another file.',
      'KNIT_UNKNOWN_CONTEXT',
    );
  config.setCurrentContext(name);
  const cluster = config.getCurrentCluster();
  if (!cluster)
    throw new UserError(
      `Context "${name}" names a cluster that the kubeconfig does not define.`,
      'KNIT_UNKNOWN_CONTEXT',
    );
  const options: HttpsOptions = {};
  await config.applyToHTTPSOptions(options);
  const authorization = options.headers?.['Authorization'] ?? options.headers?.['authorization'];
  const transport = makeHttpTransport({
    server: cluster.server,
    ca: toText(options.ca),
    clientCert: toText(options.cert),
    clientKey: toText(options.key),
    token: authorization?.replace(/^Bearer /, ''),
    skipTlsVerify: cluster.skipTLSVerify,
  });
  return {
    client: new KubeClient(transport),
    description: `Kubernetes context ${name}`,
    close: () => transport.close(),
  };
}

const toText = (value: string | Buffer | undefined): string | undefined =>
  value === undefined ? undefined : value.toString();
