/** Which protocol a client asks for, and which of its versions both sides know. */
import type { UpgradeRequest } from '../http-listener.ts';
import { StatusError } from '../status-error.ts';

export type UpgradeProtocol = 'websocket' | 'spdy';

/** @throws {StatusError} 400 when it is neither. */
export function readUpgradeProtocol({ request }: UpgradeRequest): UpgradeProtocol {
  const wanted = request.headers.upgrade?.toLowerCase();
  if (wanted === 'websocket') return 'websocket';
  if (wanted === 'spdy/3.1') return 'spdy';
  throw StatusError.badRequest(
    'unable to upgrade: WebSocket and SPDY/3.1 are spoken at this path, and nothing else',
  );
}

/**
 * The first that the client offers and that is known.
 * @param offered as in a header, separated by commas
 * @throws {StatusError} 400
 */
export function pickProtocol(offered: string | undefined, known: readonly string[]): string {
  const names = (offered ?? '').split(',').map((text) => text.trim());
  const protocol = names.find((one) => known.includes(one));
  if (protocol === undefined)
    throw StatusError.badRequest(
      `unable to upgrade: unable to negotiate protocol: client supports [${names.join(' ')}], server accepts [${known.join(' ')}]`,
    );
  return protocol;
}
