/** The two ways to a SPDY connection: an upgrade of its own, and one that is tunnelled through WebSocket. */
import { createWebSocketStream, WebSocketServer } from 'ws';

import type { UpgradeRequest } from '../../http-listener.ts';
import { pickProtocol } from '../upgrade-protocol.ts';
import { SpdyConnection } from './spdy-connection.ts';
import type { SpdyStream } from './spdy-stream.ts';

const VERSION_HEADER = 'x-stream-protocol-version';
/** What kubectl 1.31 and later put before the name of the protocol that they tunnel. */
export const TUNNEL_PREFIX = 'SPDY/3.1+';
/** The frames of kubectl's streams have 32 KiB. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

export interface AcceptedSpdy {
  readonly connection: SpdyConnection;
  readonly protocol: string;
}

/** @throws {StatusError} 400 when none of the client's protocols is known. */
export function acceptSpdy(
  { request, socket, head }: UpgradeRequest,
  known: readonly string[],
  onStream: (stream: SpdyStream) => boolean,
): AcceptedSpdy {
  const offered = request.headers[VERSION_HEADER];
  const protocol = pickProtocol(Array.isArray(offered) ? offered.join(',') : offered, known);
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
      `X-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  return { connection: new SpdyConnection(socket, head, onStream), protocol };
}

const server = new WebSocketServer({
  noServer: true,
  maxPayload: MESSAGE_BYTES_MAX,
  perMessageDeflate: false,
  // The one that was picked before the upgrade is the only one in the request by then.
  handleProtocols: (offered) => [...offered][0] ?? false,
});

/** As `acceptSpdy`, with the prefix before each of `known` on the wire. */
export function acceptTunnelledSpdy(
  { request, socket, head }: UpgradeRequest,
  known: readonly string[],
  onStream: (stream: SpdyStream) => boolean,
): Promise<AcceptedSpdy> {
  const protocol = pickProtocol(
    request.headers['sec-websocket-protocol'],
    known.map((name) => TUNNEL_PREFIX + name),
  );
  request.headers['sec-websocket-protocol'] = protocol;
  return new Promise((resolve) => {
    server.handleUpgrade(request, socket, head, (opened) => {
      const transport = createWebSocketStream(opened);
      const connection = new SpdyConnection(transport, Buffer.alloc(0), onStream);
      resolve({ connection, protocol: protocol.slice(TUNNEL_PREFIX.length) });
    });
  });
}

/** Whether the client of a WebSocket wants to speak SPDY through it. */
export const isTunnel = ({ request }: UpgradeRequest): boolean =>
  request.headers['sec-websocket-protocol']?.includes(TUNNEL_PREFIX) === true;
