/** `knit kubeconfig`: prints the kubeconfig of the local API. */
import { readFileSync } from 'node:fs';
import { CommandError } from '../command-error.ts';
import type { Command } from '../command.ts';

export const kubeconfigCommand: Command = {
  summary: 'print a kubeconfig for the local API',
  help: `Usage: knit kubeconfig

Prints the kubeconfig of the local API. To use it with kubectl or kn:

  export KUBECONFIG=$HOME/.knit/kubeconfig
`,
  options: {},
  async run({ home }) {
    try {
      process.stdout.write(readFileSync(home.kubeconfig, 'utf8'));
      return 0;
    } catch (cause) {
      throw new CommandError(
        `there is no kubeconfig in ${home.root}, since the runtime was never started there; run: knit up`,
        { cause },
      );
    }
  },
};
