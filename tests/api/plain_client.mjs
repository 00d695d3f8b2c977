// A WebSocket client that knows nothing of this project: a check, a dry run, a real update.  Prints what it hears.
// It speaks RFC 6455 by itself: Node.js 18, as Debian has it, brings no WebSocket.
import { createHash, randomBytes } from "node:crypto";
import http from "node:http";

const [url] = process.argv.slice(2);
const key = randomBytes(16).toString("base64");
const due = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10];
let line;

function send(kind, payload) {
  // What a client sends is masked, and a length above 125 takes two more bytes.
  const mask = randomBytes(4);
  const long = payload.length > 125;
  const head = Buffer.from(long ? [0x80 | kind, 0x80 | 126, payload.length >> 8, payload.length & 255] : [0x80 | kind, 0x80 | payload.length]);
  line.write(Buffer.concat([head, mask, payload.map((byte, at) => byte ^ mask[at % 4])]));
}

const say = (subject, body, id) => send(TEXT, Buffer.from(JSON.stringify({ subject, source: "frontend", body, id })));
const next = {
  check: () => say("updater.perform_update", { component: "core", dry_run: true }, "dry"),
  dry: () => say("updater.perform_update", { component: "core", dry_run: false }, "real"),
  real: () => send(CLOSE, Buffer.from([3, 232])), // 1000: all is well
};

function hear(kind, payload) {
  if (kind === CLOSE) process.exit(payload.length && payload.readUInt16BE(0) !== 1000 ? 5 : 0);
  if (kind === PING) send(PONG, payload);
  if (kind !== TEXT) return;
  const heard = JSON.parse(payload);
  console.log(JSON.stringify(heard));
  if (heard.subject === "error") process.exit(1);
  if (heard.subject !== "update_progress" && heard.re in next) next[heard.re]();
}

let rest = Buffer.alloc(0);
function take(bytes) {
  rest = Buffer.concat([rest, bytes]);
  while (rest.length >= 2) {
    const [kind, short] = [rest[0] & 15, rest[1] & 127];
    const start = { 126: 4, 127: 10 }[short] ?? 2;
    if (rest.length < start) return;
    const size = { 126: () => rest.readUInt16BE(2), 127: () => Number(rest.readBigUInt64BE(2)) }[short]?.() ?? short;
    if (rest.length < start + size) return;
    const payload = rest.subarray(start, start + size);
    rest = rest.subarray(start + size);
    hear(kind, payload);
  }
}

const asking = http.get(url.replace("ws://", "http://"), {
  headers: { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13" },
});
asking.on("response", (answer) => process.exit((console.error(`answered ${answer.statusCode}`), 2)));
asking.on("error", (error) => process.exit((console.error(error.message), 2)));
asking.on("upgrade", (answer, socket, head) => {
  if (answer.headers["sec-websocket-accept"] !== due) process.exit((console.error("it accepted another key"), 2));
  line = socket;
  line.on("data", take);
  line.on("end", () => process.exit((console.error("ended without a farewell"), 4)));
  say("updater.check_updates", { force: true }, "check");
  take(head);
});
setTimeout(() => process.exit((console.error("nothing more was heard"), 3)), 45_000).unref();
