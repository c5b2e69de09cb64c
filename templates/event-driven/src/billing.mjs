// Returns an event, which goes back to the broker.
export async function handler(event) {
  const { order, total } = event.data;
  console.log(`order ${order} of ${total}`);
  return { type: 'com.example.invoice.created', data: { invoice: `I-${order}`, total } };
}
