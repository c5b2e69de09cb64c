// The event has the shape of API Gateway's HTTP API, payload 2.0.
export async function handler(event) {
  return { message: `Hello, ${event.pathParameters?.name ?? 'world'}` };
}
