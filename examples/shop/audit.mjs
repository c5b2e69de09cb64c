// Receives the orders that are too small for billing.
export async function handler(event) {
  if (event.type !== 'com.example.order.created')
    return { message: 'audit waits for small orders' };
  console.log(`audit: order ${event.data.order} of ${event.data.total}, event ${event.id}`);
  return { audited: event.data.order };
}
