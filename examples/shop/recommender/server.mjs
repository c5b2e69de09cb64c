// A plain HTTP server: all that Knative asks of a container is that it listens on $PORT.
import { createServer } from 'node:http';

const companions = { espresso: ['biscotti'], mocha: ['croissant'], tea: ['scone'] };

const server = createServer((request, response) => {
  const product = new URL(request.url, 'http://shop').pathname.slice(1) || 'espresso';
  console.log(`recommender: ${request.method} ${request.url}`);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ product, goesWith: companions[product] ?? [] }));
});
server.listen(process.env.PORT ?? 8080);
process.once('SIGTERM', () => server.close(() => process.exit(0)));
