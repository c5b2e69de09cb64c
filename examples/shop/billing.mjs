// Receives orders as CloudEvents and answers each with an invoice, which the broker passes on.
export async function handler(event) {
  if (event.type !== 'com.example.order.created') return { message: 'billing waits for orders' };
  const { order, total } = event.data;
  console.log(`billing: order ${order} of ${total}, event ${event.id}`);
  return {
    specversion: '1.0',
    type: 'com.example.invoice.created',
    source: '/shop/billing',
    id: `invoice-${order}-${event.id}`,
    datacontenttype: 'application/json',
    data: { invoice: `I-${order}`, order, total },
  };
}
