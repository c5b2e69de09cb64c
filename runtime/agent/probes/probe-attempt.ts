/**
 * One attempt of a probe: an HTTP request, a TCP connection or a command inside the container. What
 * gRPC's health check is, grpc-probe.ts knows.
 */
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';

import type { Container, Probe } from '../../apis/core/types.ts';
import { checkGrpcHealth } from './grpc-probe.ts';
import type { CommandOutcome } from '../exec/run-in-container.ts';

export interface ProbeTarget {
  readonly podIP: string;
  readonly container: Container;
  /** Where a container port can really be reached (the process driver moves ports). */
  readonly reachablePort: (port: number) => number;
  readonly exec: (command: readonly string[], timeoutMs: number) => Promise<CommandOutcome>;
}

export interface ProbeOutcome {
  readonly isSuccess: boolean;
  /** Why not, for the event. */
  readonly message: string;
}

const TIMEOUT_SECONDS_DEFAULT = 1;
const SUCCESS: ProbeOutcome = { isSuccess: true, message: '' };
const failed = (message: string): ProbeOutcome => ({ isSuccess: false, message });

/** Never rejects: what goes wrong is a failed attempt. */
export async function attemptProbe(probe: Probe, target: ProbeTarget): Promise<ProbeOutcome> {
  const timeoutMs = (probe.timeoutSeconds || TIMEOUT_SECONDS_DEFAULT) * 1000;
  try {
    if (probe.exec) {
      const { exitCode, output } = await target.exec(probe.exec.command, timeoutMs);
      return exitCode === 0 ? SUCCESS : failed(output.trim() || `command exited with ${exitCode}`);
    }
    const port = target.reachablePort(resolvePort(probe, target.container));
    if (probe.httpGet) return await attemptHttp(probe.httpGet, { target, port, timeoutMs });
    if (probe.grpc) {
      const { service = '' } = probe.grpc;
      await checkGrpcHealth({ host: target.podIP, port, service, timeoutMs });
      return SUCCESS;
    }
    return await attemptTcp(probe.tcpSocket?.host ?? target.podIP, port, timeoutMs);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

/** The probe's port by number or name; otherwise the container's first, which Knative serves on. */
export function resolvePort(probe: Probe, container: Container): number {
  const port = probe.httpGet?.port ?? probe.tcpSocket?.port ?? probe.grpc?.port ?? 0;
  const byNumber = Number(port);
  if (byNumber > 0) return byNumber;
  const byName = container.ports?.find(({ name }) => name === port)?.containerPort;
  if (byName !== undefined) return byName;
  if (port !== 0 && port !== '') throw new Error(`the container has no port named ${port}`);
  return container.ports?.[0]?.containerPort ?? 8080;
}

function attemptTcp(host: string, port: number, timeoutMs: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const finish = (outcome: ProbeOutcome): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once('connect', () => finish(SUCCESS));
    socket.once('timeout', () => finish(failed(`no connection in ${timeoutMs} ms`)));
    socket.once('error', (error) => finish(failed(error.message)));
  });
}

function attemptHttp(
  action: NonNullable<Probe['httpGet']>,
  options: { readonly target: ProbeTarget; readonly port: number; readonly timeoutMs: number },
): Promise<ProbeOutcome> {
  const { target, port, timeoutMs } = options;
  const headers: Record<string, string> = { 'User-Agent': 'kube-probe/knit', Connection: 'close' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name] = value;
  const path = action.path || '/';
  return new Promise((resolve) => {
    const send = action.scheme === 'HTTPS' ? requestTls : request;
    const sent = send({
      host: action.host || target.podIP,
      port,
      path: path.startsWith('/') ? path : `/${path}`,
      headers,
      agent: false,
      // A probe asks whether it answers, not who it is: kubelets do not check the certificate either.
      rejectUnauthorized: false,
      signal: AbortSignal.timeout(timeoutMs),
    });
    sent.once('response', (response) => {
      response.destroy();
      const status = response.statusCode ?? 0;
      const isSuccess = status >= 200 && status < 400;
      resolve(isSuccess ? SUCCESS : failed(`answered ${status}`));
    });
    sent.once('error', (error) => resolve(failed(error.message)));
    sent.end();
  });
}
