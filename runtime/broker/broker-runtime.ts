/**
 * One Broker at work: its log, and a dispatcher for each of its Triggers. Lives as long as the
 * Broker object with this uid; told about Triggers by `start-broker.ts`.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Broker, Trigger } from '../apis/eventing/types.ts';
import type { EventPredicate } from '../cloudevents/attribute-filter.ts';
import { compileTriggerFilter } from '../cloudevents/attribute-filter.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import type { DeliveryTarget } from './delivery-attempt.ts';
import { defaultDelivery, parseDeliveryPolicy } from './delivery-policy.ts';
import { LogFull } from './event-log.ts';
import type { EventSender } from './event-sender.ts';
import { FileLog } from './file-log.ts';
import type { StoredEvent } from './stored-event.ts';
import { encodeStoredEvent } from './stored-event.ts';
import { admitEvent } from './time-to-live.ts';
import { TriggerCursor } from './trigger-cursor.ts';
import { TriggerDispatcher } from './trigger-dispatcher.ts';

export interface BrokerRuntimeOptions {
  /** `<dataDir>/<namespace>/<broker uid>`. */
  readonly directory: string;
  readonly broker: Broker;
  readonly sender: EventSender;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class BrokerRuntime {
  readonly log: FileLog;
  private readonly options: BrokerRuntimeOptions;
  private broker: Broker;
  private makingRoom: Promise<boolean> | undefined;
  private readonly dispatchers = new Map<
    string,
    { trigger: Trigger; dispatcher: TriggerDispatcher }
  >();

  private constructor(options: BrokerRuntimeOptions, log: FileLog) {
    this.options = options;
    this.broker = options.broker;
    this.log = log;
  }

  static async open(options: BrokerRuntimeOptions): Promise<BrokerRuntime> {
    const { clock, logger } = options;
    const directory = path.join(options.directory, 'log');
    return new BrokerRuntime(options, await FileLog.open({ directory, clock, logger }));
  }

  /** Resolves when the event is on disk. @throws {InvalidCloudEvent}, {LogFull}, {LogBusy} */
  async accept(stored: StoredEvent): Promise<number> {
    const event = admitEvent(stored.event, this.options.clock.now());
    const body = encodeStoredEvent({ event, headers: stored.headers });
    try {
      return await this.log.append(body);
    } catch (error) {
      if (!(error instanceof LogFull) || !(await this.makeRoom())) throw error;
      return this.log.append(body);
    }
  }

  /** A new event is worth more than history that every Trigger has settled. One at a time, for all who wait. */
  private async makeRoom(): Promise<boolean> {
    this.makingRoom ??= this.log.makeRoom(this.keepFrom()).finally(() => {
      this.makingRoom = undefined;
    });
    return this.makingRoom;
  }

  /** Makes the set of dispatchers fit the Triggers. Call one at a time. */
  async update(broker: Broker, triggers: readonly Trigger[]): Promise<void> {
    this.broker = broker;
    const wanted = new Set(triggers.map((trigger) => trigger.metadata.uid));
    for (const [uid, { dispatcher }] of this.dispatchers)
      if (!wanted.has(uid)) {
        this.dispatchers.delete(uid);
        await dispatcher.close();
      }
    for (const trigger of triggers) await this.updateTrigger(trigger);
  }

  /** Forgets the places of Triggers that exist no more. Only when the list is known to be whole. */
  async forgetOthers(cursorUids: readonly string[], triggers: readonly Trigger[]): Promise<void> {
    const known = new Set(triggers.map((trigger) => trigger.metadata.uid));
    for (const uid of cursorUids)
      if (!known.has(uid)) await rm(this.cursorFile(uid), { force: true });
  }

  /** Names of the Triggers that it delivers to, sorted. */
  triggerNames(): string[] {
    return [...this.dispatchers.values()].map(({ trigger }) => trigger.metadata.name).toSorted();
  }

  /** Delivers again, to one Trigger, what was accepted since a time. @returns the sequence, or undefined when there is no such Trigger. */
  async replay(triggerName: string, fromMs: number): Promise<number | undefined> {
    for (const { trigger, dispatcher } of this.dispatchers.values()) {
      if (trigger.metadata.name !== triggerName) continue;
      const sequence = await this.log.sequenceAt(fromMs);
      await dispatcher.rewind(sequence);
      return sequence;
    }
    return undefined;
  }

  /**
   * Deletes what is past retention. A Trigger that has a subscriber keeps what it has not settled; one
   * that has none holds nothing back, or a single broken Trigger would stop its broker for all.
   */
  async enforceRetention(): Promise<void> {
    await this.log.enforceRetention(this.keepFrom());
  }

  private keepFrom(): number {
    let keepFrom = this.log.nextSequence;
    for (const { dispatcher } of this.dispatchers.values())
      if (dispatcher.hasTarget) keepFrom = Math.min(keepFrom, dispatcher.floor);
    return keepFrom;
  }

  async close(): Promise<void> {
    await Promise.all([...this.dispatchers.values()].map(({ dispatcher }) => dispatcher.close()));
    this.dispatchers.clear();
    await this.log.close();
  }

  /** The Broker is gone: so are its events. */
  async destroy(): Promise<void> {
    await this.close();
    await rm(this.options.directory, { recursive: true, force: true });
  }

  cursorFile(triggerUid: string): string {
    return path.join(this.options.directory, 'triggers', `${triggerUid}.journal`);
  }

  private async updateTrigger(trigger: Trigger): Promise<void> {
    const uid = trigger.metadata.uid ?? '';
    let entry = this.dispatchers.get(uid);
    if (!entry) {
      const { sender, clock } = this.options;
      const { name, namespace } = trigger.metadata;
      const logger = this.options.logger.child({ trigger: `${namespace ?? ''}/${name}` });
      const cursor = await TriggerCursor.open({
        file: this.cursorFile(uid),
        start: this.log.nextSequence,
        logger,
      });
      const dispatcher = new TriggerDispatcher({
        log: this.log,
        cursor,
        sender,
        clock,
        logger,
        publishReply: async (reply) => {
          await this.accept(reply);
        },
      });
      entry = { trigger, dispatcher };
      this.dispatchers.set(uid, entry);
    }
    entry.trigger = trigger;
    entry.dispatcher.setTarget(this.targetOf(trigger));
  }

  private targetOf(trigger: Trigger): DeliveryTarget | undefined {
    const { broker } = this;
    const subscriberUri = trigger.status?.subscriberUri;
    if (subscriberUri === undefined || subscriberUri === '') return undefined;
    const delivery = trigger.spec.delivery ?? broker.spec?.delivery ?? defaultDelivery;
    return {
      subscriberUri,
      // As in Knative's own data plane, the Broker's sink also catches what a Trigger with delivery options of its own, but no sink, gives up.
      deadLetterSinkUri: trigger.status?.deadLetterSinkUri ?? broker.status?.deadLetterSinkUri,
      brokerUri: broker.status?.address?.url ?? '',
      namespace: trigger.metadata.namespace ?? '',
      policy: parseDeliveryPolicy(delivery),
      wants: this.filterOf(trigger),
    };
  }

  /** Validated at admission; an expression that does not compile all the same lets nothing through. */
  private filterOf(trigger: Trigger): EventPredicate {
    try {
      return compileTriggerFilter(trigger.spec);
    } catch (error) {
      const { namespace, name } = trigger.metadata;
      this.options.logger.error('trigger has an invalid filter and gets no events', {
        trigger: `${namespace ?? ''}/${name}`,
        error: String(error),
      });
      return () => false;
    }
  }
}
