/** Wires the Job plan to the API. */
import { jobKind } from '../../apis/batch/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import { makePodOwnerController } from '../pod-owner-controller.ts';
import { planJob } from './job-plan.ts';

export function makeJobController(
  context: ControllerContext,
  nodeName: string | undefined,
): Controller {
  const { clock, random } = context;
  return makePodOwnerController(context, {
    kind: jobKind,
    plan: (job, pods) => planJob(job, pods, { nodeName, nowMs: clock.now(), random }),
  });
}
