/**
 * A connection to a port of a pod, as `kubectl port-forward` means it: to the pod's own loopback
 * address, where a program may listen alone. The bridge is tried first, because it costs no process.
 */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';

import type { Sandbox } from '../driver.ts';

/** Runs in the pod's network namespace: half closes travel both ways. */
const RELAY = `
const s = require('net').connect({ host: '127.0.0.1', port: Number(process.argv[1]), allowHalfOpen: true });
s.on('error', (e) => { process.stderr.write(e.message); process.exit(1); });
s.once('connect', () => { process.stdin.pipe(s); s.pipe(process.stdout); });
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

function relay(netns: string, port: number): Duplex {
  const child = spawn(
    'nsenter',
    [`--net=/run/netns/${netns}`, process.execPath, '--eval', RELAY, String(port)],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const duplex = Duplex.from({ readable: child.stdout, writable: child.stdin });
  let said = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(0, 500)));
  child.once('error', (error) => duplex.destroy(error));
  child.once('exit', (code) => {
    if (code !== 0) duplex.destroy(new Error(said || `the relay to port ${port} ended`));
  });
  duplex.once('close', () => child.kill('SIGKILL'));
  return duplex;
}
