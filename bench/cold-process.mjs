// A cold start, once: imports the handler that its first argument names, hands it the event that is its second, and
// writes how long both took. Plain JavaScript, so that nothing but the handler is loaded.

const startedMs = performance.now();
const { handler } = await import(process.argv[2]);
const importedMs = performance.now();
const { body } = await handler(JSON.parse(process.argv[3]));
const answeredMs = performance.now();
// performance.now() counts from the start of the process.
process.stdout.write(JSON.stringify({ body, importMs: importedMs - startedMs, importedMs, answeredMs }));
process.exit();
