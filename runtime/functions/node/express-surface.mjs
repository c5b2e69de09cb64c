/**
 * The part of Express's request and response that Google's HTTP functions use: parsed body,
 * `rawBody`, `query`, `get`, and `status().json()/send()`. Not a router, not middleware.
 */
import { bodyBytesMax, readBody } from './read-body.mjs';
import { isJsonType } from './payload/cloud-event.mjs';
import { allValues, parseQuery } from './payload/http-request.mjs';

export async function addExpressSurface(req, res) {
  // Before the body is read: an oversized one is answered through this surface.
  addResponse(res);
  const [path, rawQuery = ''] = req.url.split('?');
  req.originalUrl = req.url;
  req.path = path;
  req.query = single(parseQuery(rawQuery));
  req.get = (name) => req.headers[name.toLowerCase()];
  req.header = req.get;
  req.hostname = (req.headers.host ?? '').replace(/:\d+$/, '');
  req.protocol = req.headers['x-forwarded-proto'] ?? 'http';
  req.ip = req.headers['x-forwarded-for']?.split(',')[0].trim() ?? req.socket.remoteAddress;
  req.rawBody = await readBody(req, bodyBytesMax);
  req.body = parseBody(req.headers['content-type'] ?? '', req.rawBody);
}

/** One value as a string, several as an array, as Express has them. */
const single = (pairs) =>
  Object.fromEntries(
    Object.entries(allValues(pairs) ?? {}).map(([name, list]) => [
      name,
      list.length === 1 ? list[0] : list,
    ]),
  );

function parseBody(type, body) {
  if (body.length === 0) return {};
  if (isJsonType(type)) {
    try {
      return JSON.parse(body.toString('utf8'));
    } catch (error) {
      throw new Error(`the request body is not JSON: ${error.message}`, { cause: error });
    }
  }
  if (/^application\/x-www-form-urlencoded/i.test(type))
    return single(parseQuery(body.toString('utf8')));
  return /^text\//i.test(type) ? body.toString('utf8') : body;
}

function addResponse(res) {
  res.status = (code) => {
    res.statusCode = code;
    return res;
  };
  res.set = (name, value) => {
    const entries = typeof name === 'object' ? Object.entries(name) : [[name, value]];
    for (const [key, each] of entries) res.setHeader(key, each);
    return res;
  };
  res.header = res.set;
  res.type = (type) => res.set('content-type', type);
  res.json = (value) => {
    if (!res.hasHeader('content-type'))
      res.setHeader('content-type', 'application/json; charset=utf-8');
    res.end(JSON.stringify(value));
    return res;
  };
  res.send = (value) => {
    if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value))
      return res.json(value);
    if (!res.hasHeader('content-type'))
      res.setHeader(
        'content-type',
        Buffer.isBuffer(value) ? 'application/octet-stream' : 'text/html; charset=utf-8',
      );
    res.end(
      value === undefined || value === null ? '' : Buffer.isBuffer(value) ? value : String(value),
    );
    return res;
  };
  res.sendStatus = (code) => res.status(code).send(String(code));
  res.redirect = (first, second) => {
    const [code, url] = second === undefined ? [302, first] : [first, second];
    res.status(code).set('location', url).end();
  };
}
