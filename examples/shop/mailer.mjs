// Receives the invoices that billing answers with.
export async function handler(event) {
  if (event.type !== 'com.example.invoice.created') return { message: 'mailer waits for invoices' };
  const { invoice, order } = event.data;
  console.log(`mailer: invoice ${invoice} for order ${order}, event ${event.id}`);
  return { mailed: invoice };
}
