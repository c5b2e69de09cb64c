/**
 * gRPC's health check, as one call over HTTP/2 without TLS, like kubelet's. Two messages of one field
 * each need no protobuf library. Source: grpc/grpc doc/health-checking.md, PROTOCOL-HTTP2.md.
 */
import { connect, type IncomingHttpHeaders } from 'node:http2';

/** The answer is one number. */
const ANSWER_BYTES_MAX = 1_024;
const FRAME_HEAD_BYTES = 5;
const STATUS_FIELD = 0x08;
const SERVING = 1;
const STATUS_NAMES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** Rejects with the reason, unless the service says that it serves. */
export function checkGrpcHealth(options: {
  readonly host: string;
  readonly port: number;
  /** Which of the server's services. Empty: the server as a whole. */
  readonly service: string;
  readonly timeoutMs: number;
}): Promise<void> {
  const { host, port, service, timeoutMs } = options;
  const session = connect(`http://${host}:${port}`);
  const timeout = AbortSignal.timeout(timeoutMs);
  return new Promise<void>((resolve, reject) => {
    timeout.addEventListener('abort', () => reject(new Error(`no answer in ${timeoutMs} ms`)));
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      'user-agent': 'kube-probe/knit',
      te: 'trailers',
    });
    let answer = Buffer.alloc(0);
    let status: string | undefined;
    let why = '';
    const note = (headers: IncomingHttpHeaders): void => {
      if (typeof headers['grpc-status'] === 'string') status = headers['grpc-status'];
      if (typeof headers['grpc-message'] === 'string') why = headers['grpc-message'];
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]).subarray(0, ANSWER_BYTES_MAX);
    });
    stream.on('error', reject);
    stream.once('end', () => {
      // Trailers come with the end of the stream, not after it.
      if (status !== '0')
        reject(new Error(`the health check failed with status ${status ?? 'none'}: ${why}`));
      else if (readStatus(answer) === SERVING) resolve();
      else
        reject(
          new Error(
            `service unhealthy (responded with "${STATUS_NAMES[readStatus(answer)] ?? '?'}")`,
          ),
        );
    });
    stream.end(makeRequest(service));
  }).finally(() => session.destroy());
}

/** One string, with its length before it; a message without it means the whole server. */
function makeRequest(service: string): Buffer {
  const name = Buffer.from(service).subarray(0, 127);
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

const readStatus = (answer: Buffer): number =>
  answer[FRAME_HEAD_BYTES] === STATUS_FIELD ? (answer[FRAME_HEAD_BYTES + 1] ?? 0) : 0;
