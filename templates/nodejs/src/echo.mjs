// A response with a status code; what is returned without one is the body of a 200.
export async function handler(event) {
  const body = event.isBase64Encoded ? Buffer.from(event.body, 'base64') : event.body;
  return {
    statusCode: 201,
    headers: { 'content-type': event.headers?.['content-type'] ?? 'text/plain' },
    body: String(body ?? ''),
  };
}
