/** What admission of Serving's kinds takes from ConfigMaps: asked at each write. */
import type { AutoscalerConfig } from '../autoscaling/config.ts';
import { defaultAutoscalerConfig } from '../autoscaling/config.ts';
import type { ServingDefaults } from './config-defaults.ts';
import { defaultServingDefaults } from './config-defaults.ts';
import type { Features } from './features.ts';
import { defaultFeatures } from './features.ts';

export interface ServingAdmissionConfig {
  readonly defaults: ServingDefaults;
  readonly autoscaler: AutoscalerConfig;
  readonly features: Features;
}

export const defaultServingAdmissionConfig: ServingAdmissionConfig = {
  defaults: defaultServingDefaults,
  autoscaler: defaultAutoscalerConfig,
  features: defaultFeatures,
};
