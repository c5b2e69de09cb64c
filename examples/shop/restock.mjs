// Called by its schedule with the event that EventBridge would send.
export async function handler(event) {
  console.log(`restock: ${event['detail-type'] ?? 'called directly'} ${event.id ?? ''}`);
  return { restocked: ['espresso', 'mocha', 'tea'] };
}
