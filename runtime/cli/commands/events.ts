/** `knit events send|tail|replay`: a CloudEvent to a broker, a broker followed, a trigger replayed. */
import { readFileSync } from 'node:fs';
import { CloudEvent, HTTP } from 'cloudevents';
import { CommandError, UsageError } from '../command-error.ts';
import type { Command, CommandInput } from '../command.ts';
import { runtimeStatus } from './status.ts';

export const eventsCommand: Command = {
  summary: 'send a CloudEvent, follow a broker, replay a trigger',
  help: `Usage: knit events send TYPE [OPTIONS]
       knit events tail [OPTIONS]
       knit events replay TRIGGER --from TIME [OPTIONS]

  -n, --namespace NS      namespace of the broker (required: <service>-<stage> for a deployed service)
  -b, --broker NAME       name of the broker (default: default)

send:
  -d, --data JSON         event data; @FILE reads a file, - reads standard input
  --source URI            (default: /knit/events)
  --subject TEXT
  --id ID                 (default: a new UUID)
  --ext NAME=VALUE        extension attribute; may be repeated
  --content-type TYPE     (default: application/json)

replay:
  --from TIME             RFC 3339 time, e.g. 2026-01-31T08:00:00Z
`,
  options: {
    namespace: { type: 'string', short: 'n' },
    broker: { type: 'string', short: 'b' },
    data: { type: 'string', short: 'd' },
    source: { type: 'string' },
    subject: { type: 'string' },
    id: { type: 'string' },
    ext: { type: 'string', multiple: true },
    'content-type': { type: 'string' },
    from: { type: 'string' },
  },
  async run(input) {
    const [action, ...rest] = input.positionals;
    if (action === 'send') return send(input, rest);
    if (action === 'tail') return tail(input);
    if (action === 'replay') return replay(input, rest);
    throw new UsageError(
      `knit events ${action ?? ''}: expected send, tail or replay; see knit events --help`,
    );
  },
};

async function send(input: CommandInput, [type]: readonly string[]): Promise<number> {
  if (type === undefined)
    throw new UsageError(
      'knit events send: which type? e.g. knit events send com.example.order.created -n shop-dev -d \'{"total": 120}\'',
    );
  const url = await brokerUrl(input);
  const event = makeEvent(type, input.values);
  const message = HTTP.binary(event);
  const response = await request(url, {
    method: 'POST',
    headers: message.headers as Record<string, string>,
    ...(message.body === undefined ? {} : { body: message.body as string }),
  });
  const text = await response.text();
  if (response.status !== 202)
    throw new CommandError(
      `the broker refused the event with status ${response.status}: ${text.trim() || response.statusText}`,
    );
  process.stdout.write(`${event.id}\n`);
  return 0;
}

function makeEvent(type: string, values: CommandInput['values']): CloudEvent<unknown> {
  const extensions: Record<string, string> = {};
  for (const pair of (values['ext'] as string[] | undefined) ?? []) {
    const [name, ...value] = pair.split('=');
    if (!name || value.length === 0 || !/^[a-z0-9]+$/.test(name))
      throw new UsageError(`--ext ${pair}: must be name=value, the name in a-z and 0-9`);
    extensions[name] = value.join('=');
  }
  const contentType = (values['content-type'] as string | undefined) ?? 'application/json';
  const data = readData(values['data'] as string | undefined, contentType);
  try {
    return new CloudEvent({
      type,
      source: (values['source'] as string | undefined) ?? '/knit/events',
      ...(values['subject'] === undefined ? {} : { subject: values['subject'] as string }),
      ...(values['id'] === undefined ? {} : { id: values['id'] as string }),
      ...(data === undefined ? {} : { data, datacontenttype: contentType }),
      ...extensions,
    });
  } catch (cause) {
    throw new UsageError(`knit events send: not a valid CloudEvent: ${(cause as Error).message}`);
  }
}

function readData(option: string | undefined, contentType: string): unknown {
  if (option === undefined) return undefined;
  let text = option;
  if (option === '-' || option.startsWith('@')) {
    try {
      text = readFileSync(option === '-' ? 0 : option.slice(1), 'utf8');
    } catch (error) {
      throw new UsageError(`--data ${option}: ${(error as Error).message}`);
    }
  }
  if (!/[/+]json\b/.test(contentType)) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `--data: not JSON (${(error as Error).message}); for other data give --content-type`,
    );
  }
}

async function tail(input: CommandInput): Promise<number> {
  const response = await request(`${await brokerUrl(input)}/events?follow=true`, { method: 'GET' });
  if (response.status !== 200 || !response.body)
    throw new CommandError(
      `cannot follow the broker: status ${response.status}: ${(await response.text()).trim()}`,
    );
  for await (const chunk of response.body) process.stdout.write(chunk);
  return 0;
}

async function replay(input: CommandInput, [trigger]: readonly string[]): Promise<number> {
  const from = input.values['from'] as string | undefined;
  if (trigger === undefined || from === undefined || Number.isNaN(Date.parse(from)))
    throw new UsageError(
      'knit events replay: expected TRIGGER --from TIME, e.g. knit events replay billing -n shop-dev --from 2026-01-31T08:00:00Z',
    );
  const url = `${await brokerUrl(input)}/triggers/${encodeURIComponent(trigger)}/replay?from=${encodeURIComponent(from)}`;
  const response = await request(url, { method: 'POST' });
  const text = (await response.text()).trim();
  if (!response.ok)
    throw new CommandError(`cannot replay trigger ${trigger}: ${text || response.statusText}`);
  process.stderr.write(`trigger ${trigger} replays from ${from}\n`);
  return 0;
}

async function brokerUrl({ home, values }: CommandInput): Promise<string> {
  const namespace = values['namespace'] as string | undefined;
  if (!namespace)
    throw new UsageError(
      'knit events: which namespace? give -n NAMESPACE, e.g. -n shop-dev for service shop, stage dev',
    );
  const status = await runtimeStatus(home);
  if (!status.running || !status.broker)
    throw new CommandError(`knit is not running (home ${home.root}); start it with: knit up`, {
      exitCode: 3,
    });
  const broker = (values['broker'] as string | undefined) ?? 'default';
  return `${status.broker}/${encodeURIComponent(namespace)}/${encodeURIComponent(broker)}`;
}

async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const cause = (error as Error).cause;
    throw new CommandError(
      `no answer from the broker at ${url}: ${cause instanceof Error ? cause.message : String(error)}`,
    );
  }
}
