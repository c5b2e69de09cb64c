// An HTTP API as on AWS: the route that matched and its path parameters are in the event.
const prices = { espresso: 2.5, mocha: 4, tea: 2 };

export async function handler(event) {
  const id = event.pathParameters?.id ?? 'espresso';
  console.log(`catalog: ${event.routeKey ?? 'direct call'} for ${id}`);
  if (event.routeKey === 'POST /products/{id}/reviews') {
    const text = event.isBase64Encoded
      ? Buffer.from(event.body, 'base64').toString('utf8')
      : event.body;
    return { statusCode: 201, body: JSON.stringify({ product: id, ...JSON.parse(text || '{}') }) };
  }
  if (!Object.hasOwn(prices, id))
    return { statusCode: 404, body: JSON.stringify({ message: `no product ${id}` }) };
  return { id, price: prices[id] };
}
