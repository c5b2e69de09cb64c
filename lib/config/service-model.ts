/**
 * The typed service: what serverless.yml says once it is parsed, with defaults in place. Plain JSON,
 * so that `sls package` can store it and `sls deploy --package` can read it back. Nothing below
 * `config/` looks at raw configuration.
 */

export type FunctionStyle = 'lambda' | 'http' | 'cloudevent' | 'gcf' | 'azure' | 'openwhisk';

export interface ServiceModel {
  readonly service: string;
  readonly stage: string;
  readonly namespace: string;
  /** Under which hosts are made: `<name>.<namespace>.<domain>` and `<service>-<stage>.<domain>`. */
  readonly domain: string;
  readonly broker: string;
  readonly region: string;
  readonly target: 'local' | 'kubernetes';
  /** kubeconfig context, for target kubernetes. */
  readonly context?: string;
  readonly registry?: string;
  readonly functions: readonly FunctionModel[];
}

export interface FunctionModel {
  /** Its key in serverless.yml. */
  readonly key: string;
  /** The ksvc's name: a DNS-1035 label. */
  readonly name: string;
  /** The Lambda function name: `functions.x.name`, by default `<service>-<stage>-<key>`. */
  readonly functionName: string;
  readonly source: FunctionSource;
  readonly style?: FunctionStyle;
  readonly memoryMiB: number;
  /** Undefined for plain containers that set none: Knative's default holds. */
  readonly timeoutSeconds?: number;
  /** Hard limit per instance; 0 = none. */
  readonly concurrency: number;
  readonly scale: ScaleModel;
  readonly environment: Readonly<Record<string, string>>;
  readonly hasUrl: boolean;
  readonly events: readonly EventModel[];
}

export interface ScaleModel {
  readonly min?: number;
  readonly max?: number;
  readonly initial?: number;
  readonly metric?: 'concurrency' | 'rps';
  readonly target?: number;
  /** Go durations, as the annotations take them. */
  readonly window?: string;
  readonly scaleDownDelay?: string;
}

export type FunctionSource =
  | {
      readonly type: 'handler';
      readonly handler: string;
      /** A name of the image catalogue, e.g. `nodejs22.x`. */
      readonly runtime: string;
    }
  | {
      readonly type: 'image';
      readonly image: string;
      readonly command?: readonly string[];
      readonly args?: readonly string[];
      readonly workingDir?: string;
    }
  | {
      readonly type: 'dockerfile';
      /** Relative to the service directory. */
      readonly dockerfile: string;
      readonly context: string;
      readonly buildArgs: Readonly<Record<string, string>>;
    };

export interface HttpEvent {
  readonly type: 'http';
  /** Which payload the function gets: REST API v1 or HTTP API v2. */
  readonly payload: 'http' | 'httpApi';
  /** Upper case; `ANY` for all. */
  readonly method: string;
  /** With leading slash, `{param}` and `{param+}`; `$default` for everything that no other route takes. */
  readonly path: string;
}

export interface ScheduleEvent {
  readonly type: 'schedule';
  /** Five-field cron or a descriptor, as PingSource takes it. */
  readonly cron: string;
  readonly timezone?: string;
  /** JSON text that replaces the event. */
  readonly input?: string;
  readonly name?: string;
}

/** A subscription to a broker; `kind` selects the payload that the function gets. */
export interface TriggerEvent {
  readonly type: 'trigger';
  readonly kind: 'trigger' | 'eventBridge';
  readonly name?: string;
  readonly broker?: string;
  /** The event type that the trigger is about, for its name. */
  readonly eventType?: string;
  readonly filters: readonly FilterModel[];
  readonly delivery?: Readonly<Record<string, unknown>>;
}

/** One filter of a Trigger in the subscriptions API's dialects. */
export type FilterModel = Readonly<Record<string, unknown>>;

export type EventModel = HttpEvent | ScheduleEvent | TriggerEvent;
