/**
 * The hosts validate the configuration against its schema and name settings by path alone. This adds
 * the line: `at 'functions.hello' (serverless.yml:9): unrecognized property 'memroySize'`.
 */
import type { Host } from '../host.ts';
import { messageOf } from '../user-error.ts';
import { makeConfigSource, type ConfigSource } from './config-source.ts';

/** Of the error that both hosts throw for a configuration that its schema refuses. */
const SCHEMA_ERROR = 'INVALID_NON_SCHEMA_COMPLIANT_CONFIGURATION';
/** `at 'functions.hello': unrecognized property 'x'`; the root of the document is `root`. */
const PLACE = /\bat '([^'\n]+)'(?=(?:: unrecognized property '([^'\n]+)')?)/g;

export function locateSchemaErrors(host: Host): void {
  const handler = host.configSchemaHandler;
  const validate = handler.validateConfig.bind(handler);
  handler.validateConfig = async (config) => {
    try {
      await validate(config);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === SCHEMA_ERROR) {
        const source = makeConfigSource(host.serviceDir ?? '.', host.configurationFilename);
        error.message = await addLines(messageOf(error), source);
      }
      throw error;
    }
  };
}

/** The message with the line behind each place that it names. */
export async function addLines(message: string, source: ConfigSource): Promise<string> {
  let located = '';
  let end = 0;
  for (const match of message.matchAll(PLACE)) {
    const [place, path = '', property] = match;
    const steps = path === 'root' ? [] : path.split('.');
    const line = await source.locate(property === undefined ? steps : [...steps, property]);
    located += `${message.slice(end, match.index)}${place} (${line})`;
    end = match.index + place.length;
  }
  return located + message.slice(end);
}
