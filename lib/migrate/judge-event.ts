/** What becomes of one item of `events`, by what the configuration itself says of it. Pure. */
import { eventCatalog, parseEvent } from '../config/events/event-catalog.ts';
import { EventProblem } from '../config/events/event-problem.ts';
import { plain } from './intrinsic.ts';
import { dropped, manual, SAME, type Verdict } from './setting.ts';

/** Whether the event would be deployed: what the configuration itself says of it. */
export function judgeEvent(item: unknown): Verdict {
  const value = plain(item);
  const name = typeof value === 'string' ? value : (Object.keys(value ?? {})[0] ?? '');
  if (!Object.hasOwn(eventCatalog, name))
    return manual(`"${name}" is no event that is known here`, 'call the function in another way');
  try {
    parseEvent(value);
    return SAME;
  } catch (error) {
    if (!(error instanceof EventProblem)) throw error;
    return manual(
      `${name}: ${error.message}`,
      eventTodos[name] ??
        'call the function in another way: over HTTP, on a schedule or by an event',
    );
  }
}

/** Options of `http` and `httpApi` that stay in the file, for a version that reads them. */
export const eventOptionVerdicts: Readonly<Record<string, Verdict>> = {
  cors: manual(
    'preflight requests are not answered by the gateway',
    'answer OPTIONS in the function, and send Access-Control-Allow-Origin',
  ),
  request: manual('requests are not checked before the function', 'check them in the function'),
  response: manual('responses are not rewritten', 'answer in the function as the client expects'),
  async: manual('the call waits for the function', 'call it with sls invoke --type Event'),
  timeoutInMillis: dropped('the timeout of the function holds'),
  operationId: dropped('it documents an API of AWS'),
  documentation: dropped('it documents an API of AWS'),
};

const asEvents = 'send CloudEvents to the broker, and give the function a "trigger" event';
const eventTodos: Readonly<Record<string, string>> = {
  sqs: asEvents,
  sns: asEvents,
  stream: asEvents,
  s3: asEvents,
  kafka: asEvents,
  msk: asEvents,
  rabbitmq: asEvents,
  activemq: asEvents,
  alb: 'use an "httpApi" event',
  http: 'check the caller in the function, and declare the event without what is named',
  httpApi: 'check the caller in the function, and declare the event without what is named',
  websocket: 'serve the WebSocket from a container: handler: path/to/Dockerfile',
};
