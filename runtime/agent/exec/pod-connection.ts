/**
 * A connection to a port of a pod, as `kubectl port-forward` means it: to the pod's own loopback
 * address, where a program may listen alone. The bridge is tried first, because it costs no process.
 */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';

import type { Sandbox } from '../driver.ts';

/** What the relay says when the port has answered. */
const CONNECTED = '+';
/** Runs in the pod's network namespace: half closes travel both ways. */
const RELAY = `
const s = require('net').connect({ host: '127.0.0.1', port: Number(process.argv[1]), allowHalfOpen: true });
s.on('error', (e) => { process.stderr.write(e.message); process.exit(1); });
s.once('connect', () => { process.stderr.write('${CONNECTED}'); process.stdin.pipe(s); s.pipe(process.stdout); });
s.once('close', () => process.exit(0));
`;
const CONNECT_MS_MAX = 10_000;

/** @throws when nothing listens there, with the reason. */
export async function connectToPod(sandbox: Sandbox, port: number): Promise<Duplex> {
  const host = sandbox.netns === undefined ? '127.0.0.1' : sandbox.podIP;
  try {
    return await dial(host, port);
  } catch (error) {
    if (sandbox.netns === undefined) throw error;
    return relay(sandbox.netns, port);
  }
}

function dial(host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    socket.setTimeout(CONNECT_MS_MAX, () =>
      socket.destroy(new Error(`no answer from ${host}:${port}`)),
    );
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** @throws with what the relay said, when it does not get through. */
function relay(netns: string, port: number): Promise<Duplex> {
  const child = spawn(
    'nsenter',
    [`--net=/run/netns/${netns}`, process.execPath, '--eval', RELAY, String(port)],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const duplex = Duplex.from({ readable: child.stdout, writable: child.stdin });
  duplex.once('close', () => child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (cause?: Error): void => {
      const problem = new Error(said || `the relay to port ${port} ended`, { cause });
      reject(problem);
      duplex.destroy(problem);
    };
    // Also after the promise is settled: then it is the end of the connection.
    duplex.on('error', reject);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (text.startsWith(CONNECTED)) resolve(duplex);
      else said = (said + text).slice(0, 500);
    });
    child.once('error', fail);
    child.once('exit', (code) => {
      if (code !== 0) fail();
    });
  });
}
