// A WebSocket client that knows nothing of this project: a check, a dry run, a real update.  Prints what it hears.
const [url] = process.argv.slice(2);
const socket = new WebSocket(url);
const say = (subject, body, id) => socket.send(JSON.stringify({ subject, source: "frontend", body, id }));
const next = {
  check: () => say("updater.perform_update", { component: "core", dry_run: true }, "dry"),
  dry: () => say("updater.perform_update", { component: "core", dry_run: false }, "real"),
  real: () => socket.close(),
};
socket.onopen = () => say("updater.check_updates", { force: true }, "check");
socket.onmessage = (message) => {
  const heard = JSON.parse(message.data);
  console.log(JSON.stringify(heard));
  if (heard.subject === "error") process.exit(1);
  if (heard.subject !== "update_progress" && heard.re in next) next[heard.re]();
};
socket.onerror = () => process.exit(2);
setTimeout(() => process.exit(3), 20_000).unref();
