/** The options of `knit up`: one declaration for help, parsing and defaults. */
import { isIP } from 'node:net';
import { UsageError } from './command-error.ts';

export interface UpOptions {
  /** 0 = any free port. @default 8080 */
  readonly gatewayPort: number;
  /** Port of the gateway for HTTPS; 0 = none. @default 0 */
  readonly gatewayTlsPort: number;
  /** 0 = any free port, kept for the next start. @default 0 */
  readonly apiPort: number;
  readonly driver: 'auto' | 'oci' | 'process';
  /** Address that the gateway binds. @default 127.0.0.1 */
  readonly listen: string;
}

export const DEFAULT_UP_OPTIONS: UpOptions = {
  gatewayPort: 8080,
  gatewayTlsPort: 0,
  apiPort: 0,
  driver: 'auto',
  listen: '127.0.0.1',
};

/** @throws {UsageError} naming every bad option in one go. */
export function parseUpOptions(values: Readonly<Record<string, unknown>>): UpOptions {
  const problems: string[] = [];
  const port = (name: string, fallback: number): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    const number = Number(text);
    if (Number.isInteger(number) && number >= 0 && number <= 65_535 && text !== '') return number;
    problems.push(`--${name} ${String(text)}: must be a port number in [0, 65535]`);
    return fallback;
  };
  const gatewayPort = port('gateway-port', DEFAULT_UP_OPTIONS.gatewayPort);
  const gatewayTlsPort = port('gateway-tls-port', DEFAULT_UP_OPTIONS.gatewayTlsPort);
  const apiPort = port('api-port', DEFAULT_UP_OPTIONS.apiPort);
  port('dashboard-port', 0);
  const driver = (values['driver'] ?? DEFAULT_UP_OPTIONS.driver) as UpOptions['driver'];
  if (!['auto', 'oci', 'process'].includes(driver))
    problems.push(`--driver ${driver}: must be auto, oci or process`);
  const listen = (values['listen'] ?? DEFAULT_UP_OPTIONS.listen) as string;
  if (isIP(listen) === 0) problems.push(`--listen ${listen}: must be an IP address`);
  if (problems.length > 0) throw new UsageError(problems.join('; '));
  return { gatewayPort, gatewayTlsPort, apiPort, driver, listen };
}
