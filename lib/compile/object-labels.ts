/** The labels by which a deployment finds its own objects again. Pure. */
import { releaseLabel, serviceLabel } from '../../runtime/apis/knit.ts';
import type { ServiceModel } from '../config/service-model.ts';

/** Beside `serviceLabel`: two stages of a service may share a namespace. */
export const stageLabel = 'knit.dev/stage';

/** On every object of a service and stage, and on nothing else. */
export const ownLabels = (
  model: Pick<ServiceModel, 'service' | 'stage'>,
): Record<string, string> => ({
  [serviceLabel]: model.service,
  [stageLabel]: model.stage,
});

/** Selects what `ownLabels` marks. */
export const ownSelector = (model: Pick<ServiceModel, 'service' | 'stage'>): string =>
  `${serviceLabel}=${model.service},${stageLabel}=${model.stage}`;

export { releaseLabel, serviceLabel };
