export async function handler(event) {
  console.log(`invoice ${event.data.invoice} is on its way`);
}
