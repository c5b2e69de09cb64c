/** Between node:http and fetch's Request and Response. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export function makeFetchRequest(req) {
  const headers = new Headers();
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2)
    headers.append(req.rawHeaders[i], req.rawHeaders[i + 1]);
  const hasBody = req.method !== 'GET' && req.method !== 'HEAD';
  return new Request(new URL(req.url, `http://${req.headers.host ?? 'localhost'}`), {
    method: req.method,
    headers,
    ...(hasBody ? { body: Readable.toWeb(req), duplex: 'half' } : {}),
  });
}

/** @throws when `response` is not a Response. */
export async function answerFetch(res, response) {
  if (typeof response?.status !== 'number' || typeof response.headers?.forEach !== 'function')
    throw new Error(`the handler returned ${typeof response}, must return a Response`);
  const headers = [];
  response.headers.forEach((value, name) => headers.push(name, value));
  res.writeHead(response.status, headers);
  if (response.body) await pipeline(Readable.fromWeb(response.body), res);
  else res.end();
}
