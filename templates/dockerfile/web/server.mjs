import { createServer } from 'node:http';

const server = createServer((request, response) => {
  response.end(`${process.env.GREETING} from ${process.env.K_REVISION}\n`);
});
server.listen(process.env.PORT ?? 8080);
process.once('SIGTERM', () => server.close(() => process.exit(0)));
