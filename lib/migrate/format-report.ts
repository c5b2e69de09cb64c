/** A migration's report as people read it: what is left to do first, then what is gone, then counts. Pure. */
import type { MigrateOutcome } from './migrate-service.ts';
import type { FunctionReport, ReportedSetting } from './setting.ts';

export function formatReport({ report, source, written }: MigrateOutcome): string {
  const { settings, counts, functions } = report;
  const by = (status: ReportedSetting['status']): readonly ReportedSetting[] =>
    settings.filter((setting) => setting.status === status);
  const sections = [
    section('To do by hand', by('manual').map(formatManual)),
    section('Functions that need a look', functions.flatMap(formatFunction)),
    section('Dropped', by('dropped').map(formatLine)),
    section('Rewritten', by('mapped').map(formatLine)),
  ];
  return (
    `${sections.join('')}${counts.read} settings of ${source}: ${counts.kept} kept, ` +
    `${counts.mapped} mapped, ${counts.dropped} dropped, ${counts.manual} manual\n` +
    `wrote ${written}\n`
  );
}

const section = (title: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `${title}:\n${lines.map((line) => `  ${line}\n`).join('')}\n`;

const formatLine = ({ file, line, path, reason }: ReportedSetting): string =>
  `${file}:${line}  ${path}: ${reason}`;

const formatManual = (setting: ReportedSetting): string =>
  setting.todo === undefined ? formatLine(setting) : `${formatLine(setting)}; ${setting.todo}`;

function formatFunction({ name, awsServices, problems }: FunctionReport): string[] {
  const lines = problems.map((problem) => `${name}: ${problem}`);
  if (awsServices.length > 0)
    lines.push(
      `${name}: calls AWS (${awsServices.join(', ')}), which needs an endpoint and credentials`,
    );
  return lines;
}
