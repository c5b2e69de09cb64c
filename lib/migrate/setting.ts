/**
 * What a migration knows about one setting, and the report that it ends in. A setting is the smallest
 * part of a configuration that a rule speaks about: a value, or a part that only makes sense whole,
 * such as one CloudFormation resource.
 */

/**
 * `kept`: stays as it is and means the same. `mapped`: was rewritten and means the same. `dropped`: has
 * no meaning here and is not missed. `manual`: somebody has to do something, see `todo`.
 */
export type SettingStatus = 'kept' | 'mapped' | 'dropped' | 'manual';

export interface Verdict {
  readonly status: SettingStatus;
  readonly reason: string;
  /** What to do, with `manual`. */
  readonly todo?: string;
}

export const kept = (reason: string): Verdict => ({ status: 'kept', reason });
export const mapped = (reason: string): Verdict => ({ status: 'mapped', reason });
export const dropped = (reason: string): Verdict => ({ status: 'dropped', reason });
export const manual = (reason: string, todo: string): Verdict => ({
  status: 'manual',
  reason,
  todo,
});

export const SAME: Verdict = kept('it means the same here');

export interface ReportedSetting extends Verdict {
  /** As `functions.hello.events[0]`. */
  readonly path: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export interface MigrationReport {
  readonly settings: readonly ReportedSetting[];
  readonly counts: Readonly<Record<'read' | SettingStatus, number>>;
  readonly functions: readonly FunctionReport[];
}

export interface FunctionReport {
  readonly name: string;
  readonly handler?: string;
  readonly runtime?: string;
  /** Relative to the service, when it was found. */
  readonly file?: string;
  /** Clients of AWS that the handler's file imports, e.g. `dynamodb`; `*` is the whole SDK. */
  readonly awsServices: readonly string[];
  /** What will keep it from working, one sentence each. */
  readonly problems: readonly string[];
}

/** The counts always add up: `read` is how many verdicts there are. */
export function countSettings(settings: readonly ReportedSetting[]): MigrationReport['counts'] {
  const counts = { read: settings.length, kept: 0, mapped: 0, dropped: 0, manual: 0 };
  for (const { status } of settings) counts[status] += 1;
  return counts;
}
