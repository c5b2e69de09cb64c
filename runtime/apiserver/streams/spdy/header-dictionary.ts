/**
 * The dictionary that compressors of SPDY headers start from: words that both ends know. Source: SPDY
 * Protocol, Draft 3.1, section 2.6.10.1.
 */

/** Each is preceded by its length; `_` stands for a blank. */
const WORDS = `
options head post put delete trace accept accept-charset accept-encoding accept-language
accept-ranges age allow authorization cache-control connection content-base
content-encoding content-language content-length content-location content-md5 content-range
content-type date etag expect expires from host if-match if-modified-since if-none-match
if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate
proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade
user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url
public set-cookie keep-alive origin
`;

/** What follows the words has no lengths. */
const TAIL = [
  '10010120120220520630030230330430530630740240540640740840941041141241341441541641750250',
  '4505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Reques',
  't401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemente',
  'd503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon,',
  ' Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,appl',
  'ication/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip',
  ',deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.',
].join('');

export const headerDictionary: Buffer = Buffer.concat([
  ...WORDS.trim()
    .split(/\s+/)
    .map((word) => withLength(word.replaceAll('_', ' '))),
  Buffer.from(TAIL),
]);

function withLength(word: string): Buffer {
  const bytes = Buffer.alloc(4 + word.length);
  bytes.writeUInt32BE(word.length);
  bytes.write(word, 4);
  return bytes;
}
