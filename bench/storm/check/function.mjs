// The built function in a process of its own, for a stand-in of Lambda: each message is an event, answered by a message.
// Plain JavaScript, so that it runs as in Lambda; its log goes to a stdout that nobody reads.
//
//   function.mjs HANDLER   ; {id, event} -> {id, response}

const { handler } = await import(process.argv[2]);
process.on("message", async ({ id, event }) => {
  process.send({ id, response: await handler(event) });
});
process.send("ready");
