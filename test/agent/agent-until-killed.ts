/**
 * A whole agent with one Deployment, for tests that kill it: `HOME IMAGES BRIDGE CIDR`. Prints the
 * pod's address when it serves, then waits for its end.
 */
import { deploymentKind } from '../../runtime/apis/apps/types.ts';
import { TEST_IMAGE } from './test-image.ts';
import {
  eventually,
  isReady,
  makeDeployment,
  podsOf,
  startNode,
  startTestMachine,
} from './test-machine.ts';

// The agent lets its process end whenever nothing but timers is left; whoever runs it stays.
setInterval(() => {}, 60_000);
const [home = '', images = '', name = '', cidr = ''] = process.argv.slice(2);
const machine = await startTestMachine(home);
await startNode(machine.makeContext().context, {
  home,
  driver: 'oci',
  nodeName: 'node-a',
  bridge: { name, cidr },
  imageStoreRoot: images,
  bundlesRoot: `${home}/bundles`,
  functionsRoot: `${home}/functions`,
});
const held = { namespace: 'default', name: 'held' };
if (!(await machine.client.get(deploymentKind, held)))
  await machine.client.create(deploymentKind, makeDeployment('held', { image: TEST_IMAGE }));
const pod = await eventually('a ready pod', async () =>
  (await podsOf(machine.client, 'held')).find(isReady),
);
process.stdout.write(`${pod.status?.podIP}\n`);
