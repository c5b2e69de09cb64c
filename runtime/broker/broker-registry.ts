/**
 * Keeps one BrokerRuntime for each Broker object of our class, from the last known objects. Those
 * are also kept in a file: a broker that starts while the API is away serves what it knew.
 */
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isOurBroker } from '../apis/eventing/broker-class.ts';
import type { Broker, Trigger } from '../apis/eventing/types.ts';
import { brokerKind, triggerKind } from '../apis/eventing/types.ts';
import { keyOf } from '../apis/meta/object.ts';
import type { BrokerContext, ObjectCache } from './broker-context.ts';
import { BrokerRuntime } from './broker-runtime.ts';
import type { EventSender } from './event-sender.ts';

/** Waiting a little collects the changes of one deployment into one pass. */
const SETTLE_MS = 5;
const RETRY_MS = 1_000;
const RETENTION_PERIOD_MS = 60_000;

interface KnownObjects {
  readonly brokers: readonly Broker[];
  readonly triggers: readonly Trigger[];
}

export class BrokerRegistry {
  private readonly context: BrokerContext;
  private readonly dataDir: string;
  private readonly sender: EventSender;
  private readonly brokers: ObjectCache<Broker>;
  private readonly triggers: ObjectCache<Trigger>;
  private known: KnownObjects = { brokers: [], triggers: [] };
  /** By broker key, `namespace/name`. */
  private readonly runtimes = new Map<string, { uid: string; runtime: BrokerRuntime }>();
  private reconciling: Promise<void> = Promise.resolve();
  private isScheduled = false;
  private isClosed = false;
  private readonly stopWatching: (() => void)[] = [];
  private savedText = '';

  constructor(options: { context: BrokerContext; dataDir: string; sender: EventSender }) {
    this.context = options.context;
    this.dataDir = options.dataDir;
    this.sender = options.sender;
    this.brokers = options.context.informers.informer(brokerKind);
    this.triggers = options.context.informers.informer(triggerKind);
  }

  async start(): Promise<void> {
    await mkdir(this.dataDir, { recursive: true, mode: 0o700 });
    this.known = await this.loadKnown();
    await this.reconcileSafely();
    const { clock } = this.context;
    this.stopWatching.push(
      this.brokers.onChange(() => this.schedule(SETTLE_MS)),
      this.triggers.onChange(() => this.schedule(SETTLE_MS)),
      clock.every(RETENTION_PERIOD_MS, () => void this.enforceRetention()),
    );
    this.schedule(0);
  }

  find(namespace: string, name: string): BrokerRuntime | undefined {
    return this.runtimes.get(`${namespace}/${name}`)?.runtime;
  }

  /** Resolves when everything that is known by now is in effect. */
  async settled(): Promise<void> {
    await this.reconcileSafely();
  }

  async enforceRetention(): Promise<void> {
    for (const { runtime } of this.runtimes.values())
      await runtime.enforceRetention().catch((error: unknown) => {
        this.context.logger.error('failed to enforce retention', { error: String(error) });
      });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const stop of this.stopWatching) stop();
    await this.reconciling;
    await Promise.all([...this.runtimes.values()].map(({ runtime }) => runtime.close()));
    this.runtimes.clear();
  }

  private schedule(delayMs: number): void {
    if (this.isScheduled || this.isClosed) return;
    this.isScheduled = true;
    this.context.clock.after(delayMs, () => {
      this.isScheduled = false;
      void this.reconcileSafely();
    });
  }

  private reconcileSafely(): Promise<void> {
    this.reconciling = this.reconciling.then(async () => {
      if (this.isClosed) return;
      try {
        await this.reconcile();
      } catch (error) {
        this.context.logger.error('failed to bring brokers up to date', { error: String(error) });
        this.schedule(RETRY_MS);
      }
    });
    return this.reconciling;
  }

  private async reconcile(): Promise<void> {
    const isWhole = this.brokers.hasSynced && this.triggers.hasSynced;
    if (isWhole) this.known = { brokers: this.brokers.list(), triggers: this.triggers.list() };
    const { known } = this;
    const ours = known.brokers.filter((broker) => isOurBroker(broker));
    const wanted = new Map(ours.map((broker) => [keyOf(broker.metadata), broker]));
    for (const [key, { uid, runtime }] of this.runtimes)
      if (wanted.get(key)?.metadata.uid !== uid) {
        this.runtimes.delete(key);
        await runtime.destroy();
      }
    for (const [key, broker] of wanted)
      await this.bringUp(key, broker, isWhole).catch((error: unknown) => {
        // One broker's damage is not the others': they go on while it is tried again.
        const fields = { broker: key, error: String(error) };
        this.context.logger.error('failed to bring a broker up to date', fields);
        this.schedule(RETRY_MS);
      });
    if (isWhole) await this.saveKnown();
  }

  private async bringUp(key: string, broker: Broker, isWhole: boolean): Promise<void> {
    const { namespace = '', name, uid = '' } = broker.metadata;
    const triggers = this.known.triggers.filter(
      (trigger) => trigger.metadata.namespace === namespace && trigger.spec.broker === name,
    );
    let entry = this.runtimes.get(key);
    const isNew = entry === undefined;
    if (!entry) {
      const { clock } = this.context;
      const logger = this.context.logger.child({ broker: key });
      const directory = path.join(this.dataDir, namespace, uid);
      const { sender } = this;
      const runtime = await BrokerRuntime.open({ directory, broker, sender, clock, logger });
      entry = { uid, runtime };
    }
    await entry.runtime.update(broker, triggers);
    if (isWhole) {
      const cursors = await readdir(path.dirname(entry.runtime.cursorFile('x'))).catch(() => []);
      const uids = cursors
        .filter((file) => file.endsWith('.journal'))
        .map((file) => file.slice(0, -8));
      await entry.runtime.forgetOthers(uids, triggers);
    }
    // Only now can events come in: the triggers known so far have their place in the log.
    if (isNew) this.runtimes.set(key, entry);
  }

  private async loadKnown(): Promise<KnownObjects> {
    try {
      const text = await readFile(this.knownFile(), 'utf8');
      return JSON.parse(text) as KnownObjects;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT')
        this.context.logger.warn('failed to read the objects known before', {
          error: String(error),
        });
      return { brokers: [], triggers: [] };
    }
  }

  private async saveKnown(): Promise<void> {
    const text = JSON.stringify(this.known);
    if (text === this.savedText) return;
    const temporary = `${this.knownFile()}.new`;
    try {
      await writeFile(temporary, text, { mode: 0o600 });
      await rename(temporary, this.knownFile());
      this.savedText = text;
    } catch (error) {
      this.context.logger.warn('failed to save the known objects', { error: String(error) });
    }
  }

  private knownFile(): string {
    return path.join(this.dataDir, 'known-objects.json');
  }
}
