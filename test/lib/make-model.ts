/** A parsed service from a few lines, for tests of what comes after parsing. */
import { parseService, type ParsedService } from '../../lib/config/parse-service.ts';

type Raw = Record<string, unknown>;

export const parse = (functions: Record<string, Raw>, provider: Raw = {}): ParsedService =>
  parseService({
    service: 'shop',
    stage: 'dev',
    provider: { name: 'knative', ...provider },
    functions,
  });

export const makeModel = (
  functions: Record<string, Raw>,
  provider: Raw = {},
): ParsedService['model'] => parse(functions, provider).model;
