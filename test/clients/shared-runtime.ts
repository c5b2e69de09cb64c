/**
 * One local runtime with the shell image for all client tests of a mocha run: starting and purging
 * one takes longer than most of them. Each uses namespaces and group names of its own.
 */
import assert from 'node:assert/strict';
import { Runtime } from '../e2e/harness.ts';
import { loadImages } from './image-loader.ts';
import { shellImage } from './shell-image.ts';

let runtime: Runtime | undefined;
let started: Promise<void> | undefined;
let users = 0;

/** Called in a `describe`: the runtime is up in its tests, and gone after the last that uses it. */
export function useSharedRuntime(): Runtime {
  runtime ??= new Runtime();
  const shared = runtime;
  users += 1;
  before(() => (started ??= start(shared)));
  after(async () => {
    users -= 1;
    if (users === 0) await stop();
  });
  return shared;
}

// Suites of which --grep chose no test never say that they are done.
after(stop);

async function start(shared: Runtime): Promise<void> {
  const up = await shared.up();
  assert.equal(up.code, 0, up.stderr);
  await loadImages(shared.home, [shellImage]);
}

async function stop(): Promise<void> {
  const last = runtime;
  runtime = undefined;
  started = undefined;
  await last?.remove();
}
