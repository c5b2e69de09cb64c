// The event has the shape of EventBridge's scheduled events.
export async function handler(event) {
  console.log(`the report of ${event.time}`);
}
