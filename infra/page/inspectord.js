// What a page adds so that its visitors chat with the session they have: a ticket before each connect(), and reconnects
// that spread. One ES module without dependencies; types stand in inspectord.d.ts.
//
//   connection lost   -> wait a random part of spreadSeconds, which the ticket's route hands out -> new ticket -> connect
//   login refused     -> ask the route for a ticket: 401 -> logged out; else wait, longer after each refusal -> connect
//   session ended     -> ask at once: 401 -> logged out
//   route unreachable -> wait, longer after each failure
//
// When a chat host comes back, all of its users do. Clients that come at one moment, or again every three seconds, are
// what keeps an overloaded login down; clients that spread are let in one after another.

/** The first wait after a refusal ends within this many seconds; each further one doubles it, up to the longest. */
const firstRetrySeconds = 5;
const longestRetrySeconds = 120;
/** Over how many seconds clients spread where the route names none. */
const defaultSpreadSeconds = 30;

/**
 * Returns how long to wait before the next attempt, in milliseconds.
 *
 * @param {"lost" | "refused"} reason a connection that stood was lost, or an attempt failed
 * @param {number} failures how many attempts have failed in a row
 * @param {number} spreadSeconds over how many seconds all clients spread after a loss
 * @param {number} random from 0 to 1
 */
export function waitBeforeAttemptMs(reason, failures, spreadSeconds, random) {
  const seconds =
    reason === "lost" && failures === 0
      ? spreadSeconds
      : Math.min(longestRetrySeconds, firstRetrySeconds * 2 ** Math.max(0, failures - 1));
  return Math.round(random * seconds * 1000);
}

/**
 * Keeps a Strophe.js connection logged in for as long as the visitor is logged in on the site.
 *
 * @param {import("./inspectord.d.ts").StropheConnection} connection a Strophe.Connection that is not connected yet
 * @param {import("./inspectord.d.ts").ChatOptions} options
 * @returns {import("./inspectord.d.ts").Chat}
 */
export function keepConnected(connection, options) {
  const {
    ticketUrl,
    onStatus = () => {},
    onLoggedOut = () => {},
    random = Math.random,
    fetch = globalThis.fetch.bind(globalThis),
    setTimer = setTimeout,
    clearTimer = clearTimeout,
  } = options;
  let spreadSeconds = defaultSpreadSeconds;
  let failures = 0;
  let isStopped = false;
  /** What Strophe still has to say of an attempt that is over is not heard. */
  let attempt = 0;
  let timer;

  // Over BOSH, Strophe has one name, "remote-stream-error", for the end of this session and for a restart of the chat
  // host, after which all must spread. What arrived tells them apart.
  let wasReset = false;
  const { xmlInput } = connection;
  connection.xmlInput = (element) => {
    if (isReset(element)) wasReset = true;
    xmlInput?.call(connection, element);
  };

  const retry = (reason) => {
    if (isStopped) return;
    const waitMs = waitBeforeAttemptMs(reason, failures, spreadSeconds, random());
    clearTimer(timer);
    timer = setTimer(connect, waitMs);
  };

  const connect = async () => {
    if (isStopped) return;
    const own = ++attempt;
    const ticket = await fetchTicket(fetch, ticketUrl);
    if (isStopped || own !== attempt) return;
    if (ticket === "logged-out") {
      isStopped = true;
      onLoggedOut();
      return;
    }
    if (ticket === undefined) {
      failures++;
      retry("refused");
      return;
    }
    spreadSeconds = ticket.spreadSeconds ?? spreadSeconds;
    let wasConnected = false;
    let isOver = false;
    wasReset = false;
    const over = (reason) => {
      if (isOver) return;
      isOver = true;
      if (reason === "refused") failures++;
      retry(reason);
    };
    // Without it, a login that was refused over BOSH leaves requests behind, and no further one is sent.
    if (attempt > 1) connection.reset();
    connection.connect(ticket.jid, ticket.password, (status, condition) => {
      if (isStopped || own !== attempt) return;
      onStatus(status, condition);
      switch (status) {
        case strophe.CONNECTED:
        case strophe.ATTACHED:
          wasConnected = true;
          failures = 0;
          break;
        case strophe.AUTHFAIL:
          over("refused");
          break;
        case strophe.ERROR:
        case strophe.CONNFAIL:
          // The chat host says that the session has ended: the site knows whether the visitor is still logged in.
          if (/\breset\b/.test(String(condition)) || wasReset) {
            isOver = true;
            clearTimer(timer);
            timer = setTimer(connect, Math.round(random() * 1000));
          }
          break;
        case strophe.DISCONNECTED:
          over(wasConnected ? "lost" : "refused");
          break;
      }
    });
  };

  void connect();
  return {
    stop() {
      isStopped = true;
      clearTimer(timer);
      connection.disconnect("left");
    },
  };
}

/** Strophe.Status, by Strophe.js 1.2 to 5. */
const strophe = { ERROR: 0, CONNFAIL: 2, AUTHFAIL: 4, CONNECTED: 5, DISCONNECTED: 6, ATTACHED: 8 };

/**
 * Returns whether this is the end of a BOSH session (XEP-0124, 17.2) by the stream's error "reset" (RFC 6120, 4.9.3.16).
 *
 * @param {import("./inspectord.d.ts").ReceivedElement} element
 */
function isReset(element) {
  return (
    element.namespaceURI === "http://jabber.org/protocol/httpbind" &&
    element.getAttribute("type") === "terminate" &&
    element.getElementsByTagNameNS("urn:ietf:params:xml:ns:xmpp-streams", "reset").length > 0
  );
}

/** Returns a ticket, "logged-out" where the site knows of no login, or undefined where it could not be asked. */
async function fetchTicket(fetch, url) {
  try {
    const response = await fetch(url, { credentials: "same-origin", cache: "no-store" });
    if (response.status === 401) return "logged-out";
    if (!response.ok) return undefined;
    const { jid, password, spreadSeconds } = await response.json();
    if (typeof jid !== "string" || typeof password !== "string") return undefined;
    return { jid, password, spreadSeconds: spreadSeconds >= 0 ? Number(spreadSeconds) : undefined };
  } catch {
    return undefined;
  }
}
